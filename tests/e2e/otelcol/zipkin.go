package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinv2"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// toZipkin stands for the exporter of the same name, whose module is not to be
// had: the official translation to Zipkin's JSON, posted.
type toZipkin struct {
	Endpoint string `mapstructure:"endpoint"`
}

func (c *toZipkin) Validate() error {
	if c.Endpoint == "" {
		return fmt.Errorf("endpoint is missing")
	}
	return nil
}

func (c *toZipkin) send(ctx context.Context, spans ptrace.Traces) error {
	body, err := zipkinv2.NewJSONTracesMarshaler().MarshalTraces(spans)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("zipkin answers %s", resp.Status)
	}
	return nil
}

func zipkinFactory() exporter.Factory {
	return exporter.NewFactory(component.MustNewType("zipkin"),
		func() component.Config { return &toZipkin{} },
		exporter.WithTraces(func(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
			return exporterhelper.NewTraces(ctx, set, cfg, cfg.(*toZipkin).send,
				exporterhelper.WithRetry(configretry.NewDefaultBackOffConfig()),
				exporterhelper.WithQueue(configoptional.Some(exporterhelper.NewDefaultQueueConfig())))
		}, component.StabilityLevelDevelopment))
}
