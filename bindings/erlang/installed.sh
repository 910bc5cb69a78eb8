#!/bin/sh
# Says the library's version through the installed Erlang binding, as a program of a user does.
set -eu
cat >say.erl <<'ERL'
-module(say).
-export([main/0]).

main() ->
    {ok, G} = guestfs:create(),
    [Major, Minor, Release | _] = guestfs:version(G),
    io:format("~b.~b.~b~n", [Major, Minor, Release]),
    guestfs:close(G).
ERL
erlc say.erl
erl -noshell -s say main -s init stop
