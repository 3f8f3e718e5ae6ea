package notebook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// delimiter separates the routing frames from the message proper.
// https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol
const delimiter = "<IDS|MSG>"

// message is what the runner needs of a Jupyter message.
type message struct {
	id      string          // its own msg_id
	kind    string          // msg_type
	parent  string          // msg_id of the request it answers
	content json.RawMessage // as the kind demands
}

type header struct {
	ID       string `json:"msg_id"`
	Username string `json:"username"`
	Session  string `json:"session"`
	Kind     string `json:"msg_type"`
	Version  string `json:"version"`
	Date     string `json:"date"`
}

// encode returns the frames of a request, signed with key.
func encode(key []byte, session, id, kind string, content any, now time.Time) ([][]byte, error) {
	head, err := json.Marshal(header{
		ID: id, Username: "strata", Session: session, Kind: kind,
		Version: "5.4", Date: now.UTC().Format(time.RFC3339),
	})
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	parts := [][]byte{head, []byte("{}"), []byte("{}"), body}
	return append([][]byte{[]byte(delimiter), sign(key, parts)}, parts...), nil
}

// decode checks the signature of a message and takes it apart.
func decode(key []byte, frames [][]byte) (message, error) {
	for len(frames) > 0 && string(frames[0]) != delimiter {
		frames = frames[1:]
	}
	if len(frames) < 6 {
		return message{}, errors.New("kernel message without its six parts")
	}
	signature, parts := frames[1], frames[2:6]
	if !hmac.Equal(signature, sign(key, parts)) {
		return message{}, errors.New("kernel message with a wrong signature")
	}
	var head, parent header
	if err := json.Unmarshal(parts[0], &head); err != nil {
		return message{}, fmt.Errorf("kernel message header: %w", err)
	}
	if err := json.Unmarshal(parts[1], &parent); err != nil {
		return message{}, fmt.Errorf("kernel message parent header: %w", err)
	}
	return message{id: head.ID, kind: head.Kind, parent: parent.ID, content: parts[3]}, nil
}

// sign returns the hex HMAC-SHA256 over the four parts.
func sign(key []byte, parts [][]byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		mac.Write(part)
	}
	return hex.AppendEncode(nil, mac.Sum(nil))
}
