{-# LANGUAGE OverloadedLabels #-}
-- Runs the generated steps: every test on one handle a scenario, as tests/conformance/run_steps.py.
--
-- Run TMP [PREFIX]: PREFIX picks tests by the beginning of their names; TMP is an empty directory.

import Control.Exception
import Control.Monad
import qualified Data.ByteString as B
import Data.IORef
import Data.List (isInfixOf, isPrefixOf)
import qualified Guestfs as G
import Harness
import Steps (tests)
import System.Environment (getArgs)
import System.Exit
import System.IO

mib :: Num a => a
mib = 1048576

wipe :: G.GuestfsH -> Bool -> String -> IO ()
wipe g both device = do
  size <- G.blockdev_getsize64 g device
  let put n = void . G.pwrite_device g device (B.replicate n 0)
  put (fromIntegral (min size mib)) 0
  when (both && size > mib) $ put mib (toInteger size - mib)

-- | The state that the scenario promises.
reset :: G.GuestfsH -> String -> IO ()
reset g "disks" = do
  G.umount_all g
  G.vg_activate_all g False
  parts <- G.list_partitions g
  mapM_ (wipe g False) parts
  forM_ ["/dev/sda", "/dev/sdb"] $ \disk -> do
    when (any (disk `isInfixOf`) parts) $ G.part_init g disk "mbr"
    wipe g True disk
reset g "scratch-fs" = do
  G.umount_all g
  G.mount g "/dev/sdc" "/"
  _ <- G.umask g 0o22
  names <- G.ls g "/"
  mapM_ (G.rm_rf g . ('/' :)) (filter (/= "lost+found") names)
reset _ _ = return ()

open :: String -> IO G.GuestfsH
open scenario = do
  g <- G.create
  when (scenario /= "none") $ do
    forM_ (if scenario == "disks" then [1024, 256] else [1024, 256, 256]) $ \size ->
      G.add_drive_scratch g (size * mib) []
    G.launch g
    when (scenario == "scratch-fs") $ G.mkfs g "ext4" "/dev/sdc" []
  return g

main :: IO ()
main = do
  args <- getArgs
  let (tmp, prefix) = case args of { [a] -> (a, ""); [a, b] -> (a, b); _ -> error "usage: Run TMP [PREFIX]" }
  current <- newIORef Nothing
  let drop' = readIORef current >>= mapM_ G.close >> writeIORef current Nothing
  results <- forM ["none", "disks", "scratch-fs"] $ \scenario ->
    forM [t | t@(Test name of' _) <- tests, of' == scenario, prefix `isPrefixOf` name] (\(Test name _ steps) -> do
      when (scenario == "none") drop'
      result <- try $ do
        g <- readIORef current >>= maybe (open scenario) return
        writeIORef current (Just g)
        reset g scenario
        steps (Run g tmp)
      case result of
        Right () -> return True
        Left e -> hPutStrLn stderr (name ++ ": " ++ show (e :: SomeException)) >> drop' >> return False) <* drop'
  let (passed, failed) = (length (filter id (concat results)), length (filter not (concat results)))
  putStrLn (show passed ++ " passed, " ++ show failed ++ " failed")
  when (passed == 0 || failed > 0) exitFailure
