#!/bin/sh
# Says the library's version through the installed Haskell binding, as a program of a user does.
set -eu
cat >say.hs <<'HS'
import Data.List (intercalate)
import Guestfs (create, version)
import Guestfs.Structs

main :: IO ()
main = do
  v <- create >>= version
  putStrLn (intercalate "." [show (major v), show (minor v), show (release v)])
HS
ghc -v0 -package guestfs say.hs -o say
./say
