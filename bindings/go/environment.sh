# Sourced by build.sh and check.sh: Go works in $out alone, and fetches nothing.
export GOPATH="$out/gopath" GOCACHE="$out/cache" GOENV=off GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local CGO_ENABLED=1
export CGO_CFLAGS="${CFLAGS:--O2 -g}" CGO_LDFLAGS="${LDFLAGS:-}"
export PKG_CONFIG_PATH="$out/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
