{-# LANGUAGE OverloadedLabels #-}
-- How a program ends that is in the middle of a call, or has left a handle open: see check.sh.
--
-- Ending DISK call: writes to a new disk, says "ready", waits in a call for a long time, and closes nothing.
-- Ending DISK thread: the same, but that another thread waits, and the main one ends.
-- Ending DISK end: the same without waiting, with a callback that would be called at the end.
-- Ending DISK read: says what was written.

import Control.Concurrent (forkIO, threadDelay)
import Control.Monad (when)
import qualified Guestfs as G
import System.Environment (getArgs)
import System.IO

main :: IO ()
main = do
  [disk, how] <- getArgs
  g <- G.create
  if how == "read" then do
    G.add_drive g disk [#format "raw", #readonly True]
    G.launch g
    G.mount_ro g "/dev/sda" "/"
    G.cat g "/hello" >>= putStrLn
  else do
    G.disk_create g disk "raw" 268435456 []
    G.add_drive g disk [#format "raw"]
    G.launch g
    G.mkfs g "ext2" "/dev/sda" []
    G.mount g "/dev/sda" "/"
    G.write g "/hello" "written"
    _ <- G.set_event_callback g (\_ _ _ _ -> hPutStrLn stderr "called after the end") [G.EVENT_CLOSE]
    putStrLn "ready"
    hFlush stdout
    when (how == "call") $ G.sleep g 500
    when (how == "thread") $ forkIO (G.sleep g 500) >> threadDelay 1000000
