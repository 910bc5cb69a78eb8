%% A small reader of JSON, for steps.escript.
%%
%% In: a binary. Out: maps with binaries as keys, lists, binaries, numbers, true, false, and undefined for null. Text that
%% is no JSON fails.
-module(steps_json).

-export([parse/1]).

parse(Text) ->
    {Value, Rest} = value(blank(Text)),
    <<>> = blank(Rest),
    Value.

value(<<"null", R/binary>>) -> {undefined, R};
value(<<"true", R/binary>>) -> {true, R};
value(<<"false", R/binary>>) -> {false, R};
value(<<$", R/binary>>) -> string(R, []);
value(<<$[, R/binary>>) -> list(blank(R), []);
value(<<${, R/binary>>) -> object(blank(R), #{});
value(Text) -> number(Text).

list(<<$], R/binary>>, []) ->
    {[], R};
list(Text, Got) ->
    {Value, Rest} = value(Text),
    case blank(Rest) of
        <<$,, R/binary>> -> list(blank(R), [Value | Got]);
        <<$], R/binary>> -> {lists:reverse([Value | Got]), R}
    end.

object(<<$}, R/binary>>, Got) when Got =:= #{} ->
    {Got, R};
object(<<$", Text/binary>>, Got) ->
    {Key, Rest} = string(Text, []),
    <<$:, After/binary>> = blank(Rest),
    {Value, Last} = value(blank(After)),
    case blank(Last) of
        <<$,, R/binary>> -> object(blank(R), Got#{Key => Value});
        <<$}, R/binary>> -> {Got#{Key => Value}, R}
    end.

string(<<$", R/binary>>, Got) -> {unicode:characters_to_binary(lists:reverse(Got)), R};
string(<<"\\u", Hex:4/binary, R/binary>>, Got) -> string(R, [binary_to_integer(Hex, 16) | Got]);
string(<<$\\, C, R/binary>>, Got) -> string(R, [escaped(C) | Got]);
string(<<C/utf8, R/binary>>, Got) -> string(R, [C | Got]).

escaped($n) -> $\n;
escaped($t) -> $\t;
escaped($r) -> $\r;
escaped($b) -> $\b;
escaped($f) -> $\f;
escaped(C) when C =:= $"; C =:= $\\; C =:= $/ -> C.

number(Text) ->
    {match, [{0, Length}]} = re:run(Text, "^-?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?", [{capture, first}]),
    <<Digits:Length/binary, Rest/binary>> = Text,
    try
        {binary_to_integer(Digits), Rest}
    catch
        error:badarg -> {binary_to_float(Digits), Rest}
    end.

blank(<<C, R/binary>>) when C =:= $\s; C =:= $\n; C =:= $\t; C =:= $\r -> blank(R);
blank(Text) -> Text.
