// SPDX-License-Identifier: BSD-2-Clause

// Reads dashboards by the types that Grafana publishes: an unknown key, a value of another type or a panel's option that
// its kind does not have is an error.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// What the data source of InfluxDB reads of an annotation in InfluxQL, and the published types leave out.
var own = []string{"query", "textColumn", "tagsColumn", "fromAnnotations", "textEditor"}

func withoutOwn(text []byte) ([]byte, error) {
	var board map[string]any
	if err := json.Unmarshal(text, &board); err != nil {
		return nil, err
	}
	annotations, _ := board["annotations"].(map[string]any)
	list, _ := annotations["list"].([]any)
	for _, one := range list {
		annotation, _ := one.(map[string]any)
		source, _ := annotation["datasource"].(map[string]any)
		if source["type"] != "influxdb" {
			continue
		}
		for _, name := range own {
			delete(annotation, name)
		}
	}
	return json.Marshal(board)
}

// A list of errors that is empty is not nil.
func some(err error) error {
	if err != nil && strings.TrimSpace(err.Error()) == "" {
		return nil
	}
	return err
}

func check(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if text, err = withoutOwn(text); err != nil {
		return err
	}
	var board dashboard.Dashboard
	if err := some(board.UnmarshalJSONStrict(text)); err != nil {
		return err
	}
	return some(board.Validate())
}

func main() {
	plugins.RegisterDefaultPlugins()
	code := 0
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Printf("FAIL dashboards: %s: %v\n", path, err)
			code = 1
		}
	}
	os.Exit(code)
}
