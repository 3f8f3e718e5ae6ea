package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// leastToken is how many characters a token has at least.
const leastToken = 16

// checkToken refuses tokens that can be guessed, or not sent.
func checkToken(token string) error {
	if len(token) < leastToken || len(token) > 4096 {
		return fmt.Errorf("the token has %d characters: %d at least are needed, and 4096 at most: openssl rand -hex 32 makes one",
			len(token), leastToken)
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return errors.New("the token has characters that a header cannot carry: use letters, digits and signs of ASCII, without spaces")
		}
	}
	return nil
}

// Listen opens an address, "127.0.0.1:8080". What is not loopback is refused without a token.
func Listen(ctx context.Context, address, token string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w: expected HOST:PORT, as 127.0.0.1:8080", address, err)
	}
	var found []netip.Addr
	if host != "" {
		if found, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host); err != nil {
			return nil, fmt.Errorf("address %q: %w", address, err)
		}
	}
	local := len(found) > 0
	for _, a := range found {
		local = local && a.Unmap().IsLoopback()
	}
	if !local && token == "" {
		return nil, fmt.Errorf("address %q can be reached from other machines, and there is no token: whoever finds it could use it. "+
			"Give --token-file FILE or "+
			"STRATA_TOKEN, or serve 127.0.0.1 only", address)
	}
	if len(found) > 0 { // the one that was checked, whatever the name means by now
		address = net.JoinHostPort(found[0].Unmap().String(), port)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", address, err)
	}
	return listener, nil
}

// crossOrigin refuses what a web page of somebody else's makes a browser send; there is no CORS either.
var crossOrigin = http.NewCrossOriginProtection()

// admit says who may ask. Without a token that is whoever is on this machine and calls it by a local name: a web page could make
// its own name mean 127.0.0.1.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, open bool) error {
	if open {
		return nil
	}
	if err := crossOrigin.Check(r); err != nil {
		return bad(http.StatusForbidden, "the request comes from a web page of another origin")
	}
	if s.config.Token == "" {
		if !localName(r.Host) {
			return bad(http.StatusMisdirectedRequest, "without a token the server is asked as localhost or 127.0.0.1, and not as %q",
				short(r.Host))
		}
		return nil
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	given, wanted := sha256.Sum256([]byte(strings.TrimSpace(token))), sha256.Sum256([]byte(s.config.Token))
	if subtle.ConstantTimeCompare(given[:], wanted[:]) == 1 && strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="strata"`)
	return bad(http.StatusUnauthorized, "a token is needed, and this is none or another one: send Authorization: Bearer TOKEN")
}

func localName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}
