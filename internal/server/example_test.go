package server_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"strings"

	"strata/internal/server"
	"strata/pkg/detector/detectortest"
)

func ExampleListen() {
	_, err := server.Listen(context.Background(), "192.0.2.1:8080", "") // no token
	fmt.Println(strings.Contains(err.Error(), "can be reached from other machines, and there is no token"))
	// Output: true
}

func ExampleNew() {
	d, err := detectortest.Make(3, nil) // detector.Load, where there is a model
	if err != nil {
		panic(err)
	}
	defer d.Close()
	s, err := server.New(d, server.Config{Rate: 0.05})
	if err != nil {
		panic(err)
	}
	defer s.Close()
	request := httptest.NewRequest("POST", "http://localhost/v1/detect", bytes.NewReader(detectortest.PNG(detectortest.Noisy(1, 40, 40,
		3))))
	request.Header.Set("Content-Type", "image/png")
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, request)
	fmt.Println(answer.Code, bytes.Contains(answer.Body.Bytes(), []byte(`"anomalous":true`)))
	// Output: 200 true
}
