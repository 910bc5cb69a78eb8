-- As programs for upstream's binding are written: its types, its names, its manner of importing and failing.

import Control.Exception (IOException, try)
import Data.Int (Int64)
import Guestfs as G
import System.IO.Error (ioeGetErrorString, isUserError)

name :: String
name = "a program's own"

main :: IO ()
main = do
  g <- G.create
  G.set_program g name
  program <- G.get_program g
  G.set_autosync g True
  True <- G.get_autosync g
  G.set_memsize g (500 :: Int)
  500 <- (G.get_memsize g :: IO Int)
  G.set_append g (Just "quiet")
  G.add_drive_ro g "/dev/zero"
  G.set_backend_settings g ["a=b" :: String]
  [_] <- G.get_backend_settings g
  10 <- (G.internal_test_rint64 g "10" :: IO Int64)
  [("0", "0")] <- (G.internal_test_rhashtable g "1" :: IO [(String, String)])
  failed <- try (G.add_drive_ro g "/nonexistent") :: IO (Either IOException ())
  case failed of
    Left e | isUserError e && not (null (ioeGetErrorString e)) -> putStrLn program
    _ -> fail "did not fail"
