<?php
// The declarations that editors read say what the extension does: the same functions, parameters, types and constants.
//
// stub.php STUB

require __DIR__ . "/check.php";

// Loaded under a namespace, which keeps its functions apart from the extension's.
$text = file_get_contents ($argv[1]);
eval ("namespace stub;" . substr ($text, strlen ("<?php")));
$g = guestfs_create ();
$real = get_extension_funcs ("guestfs_php");
$stubs = array_filter (get_defined_functions ()["user"], fn ($name) => str_starts_with ($name, "stub\\guestfs_"));
same (count ($stubs), count ($real));

function parameters (ReflectionFunction $f): array
{
    return array_map (fn ($p) => [$p->getName (), (string) $p->getType ()], $f->getParameters ());
}
$options = 0;
foreach ($real as $name) {
    $ours = new ReflectionFunction ($name);
    $stub = new ReflectionFunction ("stub\\$name");
    $n = $ours->getNumberOfRequiredParameters ();
    same ($stub->getNumberOfRequiredParameters (), $n, $name);
    same (array_slice (parameters ($stub), 0, $n), array_slice (parameters ($ours), 0, $n), $name);
    same ((string) $stub->getReturnType (), (string) $ours->getReturnType (), $name);
    same ($ours->isVariadic (), $name != "guestfs_create" && count ($stub->getParameters ()) > $n, $name);
    // Each option is known by its name, and has the type: a wrong one is found before the library is called.
    foreach (array_slice ($stub->getParameters (), $n) as $at => $p) {
        if ($name == "guestfs_create")
            continue;
        $values = ["?bool" => [], "?int" => [], "?string" => [], "?array" => 1];
        $args = [$g];
        foreach (array_slice ($ours->getParameters (), 1, $n - 1) as $q)
            $args[] = ["string" => "", "?string" => null, "array" => [], "bool" => false, "int" => 0][(string) $q->getType ()] ?? null;
        // Its domain is refused before its options are looked at.
        if ($name == "guestfs_add_libvirt_dom")
            continue;
        $type = (string) $p->getType ();
        $why = raises (TypeError::class, fn () => $name (...$args, ...[$p->getName () => $values[$type]]));
        same (str_contains ($why, "Argument #" . ($n + $at + 1) . " (\${$p->getName ()}) must be of type " . trim ($type, "?")),
              true, "$name: $why");
        $options++;
    }
}
foreach ((new ReflectionExtension ("guestfs_php"))->getConstants () as $name => $value)
    same (constant ("stub\\$name"), $value, $name);
same (count (preg_grep ('/^const /', explode ("\n", $text))), 11);
echo count ($real), " functions, $options options\n";
