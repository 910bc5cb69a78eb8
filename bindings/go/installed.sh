#!/bin/sh
# Says the library's version through the installed Go binding, as a program of a user does that has no module of its own.
set -eu
cat >say.go <<'GO'
package main

import (
	"fmt"

	"libguestfs.org/guestfs"
)

func main() {
	g, err := guestfs.Create()
	if err != nil {
		panic(err)
	}
	defer g.Close()
	v, err := g.Version()
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d.%d.%d\n", v.Major, v.Minor, v.Release)
}
GO
GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$PWD/cache" go run say.go
