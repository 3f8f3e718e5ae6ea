package plugin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

// defaultIndex is where pip looks for packages when nobody says otherwise.
const defaultIndex = "https://pypi.org/simple"

// indexes are the package indexes to ask, in this order: pip's, where its variable names one, and the usual one.
func (i *installer) indexes() []string {
	if i.index != "" {
		return []string{i.index}
	}
	if index := os.Getenv("PIP_INDEX_URL"); index != "" {
		return []string{index, defaultIndex}
	}
	return []string{defaultIndex}
}

// network is how packages are reached: as pip does, so that a machine on which pip works needs no more. Proxies are
// HTTPS_PROXY's or PIP_PROXY, authorities the system's and those of PIP_CERT.
type network struct {
	transport *withPasswords
	client    *http.Client
}

func newNetwork() (*network, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true // a wheel must come as it is
	if proxy := os.Getenv("PIP_PROXY"); proxy != "" {
		address, err := url.Parse(proxy)
		if err != nil {
			return nil, errors.New("PIP_PROXY is no URL: set it to http://HOST:PORT, or unset it") // it may hold a password
		}
		t.Proxy = http.ProxyURL(address)
	}
	if file := os.Getenv("PIP_CERT"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("PIP_CERT: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pool.AppendCertsFromPEM(pem)
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	transport := &withPasswords{t, map[string]*url.Userinfo{}}
	return &network{transport, &http.Client{Transport: transport, Timeout: 20 * time.Second}}, nil
}

// withPasswords keeps the passwords of indexes out of URLs, and so out of messages and records.
type withPasswords struct {
	http.RoundTripper
	users map[string]*url.Userinfo // by scheme and host: no password goes where it was not meant for
}

func (t *withPasswords) RoundTrip(r *http.Request) (*http.Response, error) {
	if user := t.users[origin(r.URL)]; user != nil {
		r = r.Clone(r.Context())
		password, _ := user.Password()
		r.SetBasicAuth(user.Username(), password)
	}
	return t.RoundTripper.RoundTrip(r)
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// find is the address of a package's file, by an index' page of links (PEP 503).
func (n *network) find(ctx context.Context, index, name, file string) (string, error) {
	address, err := url.Parse(strings.TrimSuffix(index, "/") + "/" + name + "/")
	if err != nil || address.Host == "" {
		// Its value is not told: it may hold a password.
		return "", errors.New("PIP_INDEX_URL is no URL of a package index: https://HOST/simple is one")
	}
	if address.User != nil {
		n.transport.users[origin(address)] = address.User
		address.User = nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("User-Agent", "strata")
	req.Header.Set("Accept", "application/vnd.pypi.simple.v1+html, text/html;q=0.5")
	resp, err := n.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return "", fmt.Errorf("%s: %w", address, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: HTTP %s", address, resp.Status)
	}
	page, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return "", fmt.Errorf("%s: %w", address, err)
	}
	for _, link := range links.FindAllStringSubmatch(string(page), -1) {
		to, err := resp.Request.URL.Parse(html.UnescapeString(link[1]))
		if err != nil || to.Scheme != "https" && to.Scheme != "http" || !strings.HasSuffix(to.Path, "/"+file) {
			continue
		}
		to.Fragment, to.User = "", nil
		return to.String(), nil
	}
	return "", fmt.Errorf("%s does not offer %s", address, file)
}

// links are those of a page.
var links = regexp.MustCompile(`(?i)<a\s[^>]*?\bhref\s*=\s*["']([^"']+)["']`)
