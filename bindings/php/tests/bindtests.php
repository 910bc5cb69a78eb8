<?php
// The binding-test calls through PHP: every type of argument, option and result, and every error.
//
// bindtests.php OUT: the library writes the arguments it received to OUT, for comparison with
// ../../c/tests/bindtests.expected; results are checked here.

require __DIR__ . "/check.php";
$g = guestfs_create ();

// Arguments, in the order of bindtests.expected; options by name and in order.
$two = ["a b", "é"];
$big = PHP_INT_MAX;
guestfs_internal_test_set_output ($g, $argv[1]);
guestfs_internal_test ($g, "abc", "def", [], false, 0, 0, "123", "456", "abc\0abc");
guestfs_internal_test ($g, "abc", null, [], false, 0, 0, "123", "456", "abc\0abc", -1, -1, -1, null, null);
guestfs_internal_test ($g, "", "", ["1"], true, -1, -1, "", "", "", true);
guestfs_internal_test ($g, "x\xffy", "def", $two, true, 2147483647, $big, "i", "o", "\1\x7f",
                       oint64: -$big, oint: -2147483647, ostring: null);
guestfs_internal_test ($g, "abc", "def", $two, false, 5, 6, "i", "o", "z", false, -1, -1, "string", $two);
guestfs_internal_test ($g, "abc", "def", [], false, "5", 6.0, "i", "o", "z", -1, -1, ostring: "", ostringlist: []);
guestfs_internal_test_only_optargs ($g);
guestfs_internal_test_only_optargs (test: 7, g: $g);
guestfs_internal_test_63_optargs ($g, opt1: 1, opt32: 32, opt63: -63);
guestfs_internal_test_close_output ($g);

// A number by name may be -1; in its place -1 says that it is not given.
guestfs_internal_test_set_output ($g, $argv[1] . ".more");
guestfs_internal_test_only_optargs ($g, test: -1);
guestfs_internal_test_only_optargs ($g, -1);
guestfs_internal_test_close_output ($g);
same (file_get_contents ($argv[1] . ".more"), "test: -1\ntest: unset\n");

// What has the wrong type is an exception; what C cannot have fails. The library sees neither.
$args = ["abc", null, [], false, 0, 0, "", "", ""];
$call = function (int $place, mixed $value, mixed ...$options) use ($g, $args) {
    $args[$place] = $value;
    return guestfs_internal_test ($g, ...$args, ...$options);
};
foreach ([[0, [], "(\$str) must be of type string, array given"], [2, "x", "(\$strlist) must be of type array, string"],
          [2, ["a", []], "must be a list of strings, array given"], [4, "x", "(\$integer) must be of type int, string"],
          [5, "9223372036854775808", "(\$integer64) must be of type int"], [5, NAN, "must be of type int, float"]] as $t)
    same (str_contains (raises (TypeError::class, fn () => $call ($t[0], $t[1])), $t[2]), true, $t[2]);
foreach ([[0, "a\0b", "str has a NUL inside", 22], [1, "a\0b", "optstr has a NUL inside", 22],
          [2, ["a\0"], "strlist has a NUL inside", 22], [4, 2147483648, "integer is 2147483648, but must fit 32 bits", 34],
          [4, -2147483649, "must fit 32 bits", 34]] as $t) {
    same ($call ($t[0], $t[1]), false);
    same (str_contains (guestfs_last_error ($g), $t[2]), true, $t[2]);
    same (guestfs_last_errno ($g), $t[3]);
}
raises (TypeError::class, fn () => $call (0, "abc", oint: "x"));
raises (TypeError::class, fn () => $call (0, "abc", ostringlist: "x"));
same ($call (0, "abc", oint: 1 << 31), false);
same (raises (Error::class, fn () => $call (0, "abc", nosuch: 1)), "Unknown named parameter \$nosuch");
same (raises (Error::class, fn () => guestfs_internal_test_only_optargs ($g, 1, test: 2)),
      "Named parameter \$test overwrites previous argument");
raises (Error::class, fn () => guestfs_internal_test_rint ($g, nosuch: "1"));
raises (ArgumentCountError::class, fn () => guestfs_internal_test ($g, "abc"));
raises (ArgumentCountError::class, fn () => guestfs_internal_test_rint ($g, "1", []));
raises (ArgumentCountError::class, fn () => guestfs_internal_test_only_optargs ($g, 1, 2));

// Results.
same (guestfs_internal_test_rint ($g, "10"), 10);
same (guestfs_internal_test_rint64 ($g, "10"), 10);
same (guestfs_internal_test_rint64 ($g, "-9223372036854775807"), -$big);
same (guestfs_internal_test_rbool ($g, "true"), true);
same (guestfs_internal_test_rbool ($g, "false"), false);
same (guestfs_internal_test_rconststring ($g, "x"), "static string");
same (guestfs_internal_test_rconstoptstring ($g, "x"), "static string");
same (guestfs_internal_test_rstring ($g, "\xff"), "\xff");
same (guestfs_internal_test_rstringlist ($g, "0"), []);
same (guestfs_internal_test_rstringlist ($g, "3"), ["0", "1", "2"]);
same (guestfs_internal_test_rhashtable ($g, "2"), ["0" => "0", "1" => "1"]);
same (guestfs_internal_test_rbufferout ($g, "01234"), "01234");
same (guestfs_internal_test_rbufferout ($g, ""), "");

function pv (int $i): array
{
    return [
        "pv_name" => "pv$i", "pv_uuid" => "12345678901234567890123456789012", "pv_fmt" => "unknown", "pv_size" => $i,
        "dev_size" => $i, "pv_free" => $i, "pv_used" => $i, "pv_attr" => "attr$i", "pv_pe_count" => $i,
        "pv_pe_alloc_count" => $i, "pv_tags" => "tag$i", "pe_start" => $i, "pv_mda_count" => $i, "pv_mda_free" => $i,
    ];
}
same (guestfs_internal_test_rstruct ($g, "unused"), pv (0));
same (guestfs_internal_test_rstructlist ($g, "0"), []);
same (guestfs_internal_test_rstructlist ($g, "5"), array_map ("pv", range (0, 4)));

// Errors.
foreach (["int", "int64", "bool", "conststring", "string", "stringlist", "struct", "structlist", "hashtable",
          "bufferout"] as $kind) {
    same (("guestfs_internal_test_r{$kind}err") ($g), false);
    same (guestfs_last_error ($g), "error");
    same (guestfs_last_errno ($g), 0);
}
same (guestfs_internal_test_rconstoptstringerr ($g), null); // not an error in this type

guestfs_close ($g);
raises (TypeError::class, fn () => guestfs_internal_test_rint ($g, "1"));
echo "ok\n";
