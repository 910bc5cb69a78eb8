{-# LANGUAGE OverloadedLabels #-}
-- Make a disk image with a partition, a file system and a few files.
--
-- ghc -threaded create_disk.hs && ./create_disk DISK

import qualified Guestfs as G
import System.Environment (getArgs)

main :: IO ()
main = do
  args <- getArgs
  let output = case args of
        [] -> "disk.img"
        name : _ -> name

  -- A sparse raw image of 512 MiB, attached to the handle, whose machine is then started.
  g <- G.create
  G.disk_create g output "raw" (512 * 1024 * 1024) []
  G.add_drive g output [#format "raw", #readonly False]
  G.launch g

  disk : _ <- G.list_devices g
  G.part_disk g disk "mbr"
  partition : _ <- G.list_partitions g

  G.mkfs g "ext4" partition [#label "haskell"]
  G.mount g partition "/"
  G.touch g "/empty"
  G.write g "/hello" "Hello, world\n"
  G.mkdir g "/foo"

  -- Its errors are the last chance to learn that something was not written.
  G.shutdown g
  G.close g
