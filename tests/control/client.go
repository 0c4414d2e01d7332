// SPDX-License-Identifier: GPL-2.0-only

// An independent Varlink client: what https://github.com/varlink/go makes of our service.
// client ADDRESS: prints what it learned as one JSON object.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/varlink/go/varlink"
	"github.com/varlink/go/varlink/idl"
)

func check(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

type outcome struct {
	Product    string
	Interfaces []string
	Methods    map[string][]string // of each interface, out of its description
	Stats      json.RawMessage
	Streamed   int
	Unknown    string
}

func stream(ctx context.Context, c *varlink.Connection, n int) int {
	receive, err := c.Send(ctx, "org.xdpgate.gate.Stats", map[string]int{"interval_ms": 100},
		varlink.More)
	check("Stats, more", err)
	for i := 0; i < n; i++ {
		var reply struct {
			Rules []struct{ Packets int64 }
		}
		flags, err := receive(ctx, &reply)
		check("Stats, more", err)
		if flags&varlink.Continues == 0 || len(reply.Rules) == 0 {
			return i
		}
	}
	return n
}

func main() {
	var result outcome
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()

	c, err := varlink.NewConnection(ctx, os.Args[1])
	check("connect", err)
	check("GetInfo", c.GetInfo(ctx, nil, &result.Product, nil, nil, &result.Interfaces))
	result.Methods = map[string][]string{}
	for _, name := range result.Interfaces {
		text, err := c.GetInterfaceDescription(ctx, name)
		check("GetInterfaceDescription", err)
		parsed, err := idl.New(text)
		check("description of "+name, err)
		for _, method := range parsed.Methods {
			result.Methods[parsed.Name] = append(result.Methods[parsed.Name], method.Name)
		}
	}
	check("Stats", c.Call(ctx, "org.xdpgate.gate.Stats", nil, &result.Stats))
	err = c.Call(ctx, "org.xdpgate.gate.Nonsense", nil, nil)
	if err != nil {
		result.Unknown = err.Error()
	}
	result.Streamed = stream(ctx, c, 3)
	check("output", json.NewEncoder(os.Stdout).Encode(result))
}
