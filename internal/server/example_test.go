package server_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"

	"strata/internal/server"
	"strata/pkg/detector/detectortest"
)

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
