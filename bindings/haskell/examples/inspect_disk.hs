{-# LANGUAGE OverloadedLabels #-}
-- Say which operating systems are in a disk image, or which file systems.
--
-- ghc -threaded inspect_disk.hs && ./inspect_disk DISK

import Control.Exception (IOException, bracket, handle)
import Control.Monad
import Data.List (sortOn)
import qualified Guestfs as G
import System.Environment (getArgs)
import System.Exit (die)

main :: IO ()
main = do
  args <- getArgs
  disk <- case args of
    [disk] -> return disk
    _ -> die "usage: inspect_disk DISK"
  -- Closed at the end, whatever happens.
  bracket G.create G.close $ \g -> do
    -- Read-only: the image cannot be changed, and a guest may be using it.
    G.add_drive g disk [#readonly True]
    G.launch g

    roots <- G.inspect_os g
    mapM_ (inspect g) roots
    when (null roots) $ do
      putStrLn "no operating system found; file systems:"
      G.list_filesystems g >>= mapM_ (\(device, kind) -> putStrLn ("  " ++ device ++ ": " ++ kind))

inspect :: G.GuestfsH -> String -> IO ()
inspect g root = do
  putStrLn ("Root device: " ++ root)
  G.inspect_get_product_name g root >>= putStrLn . ("  Product name: " ++)
  major <- G.inspect_get_major_version g root
  minor <- G.inspect_get_minor_version g root
  putStrLn ("  Version:      " ++ show major ++ "." ++ show minor)
  G.inspect_get_type g root >>= putStrLn . ("  Type:         " ++)
  G.inspect_get_distro g root >>= putStrLn . ("  Distro:       " ++)

  -- Short mount points first, so that /boot is mounted after /.
  points <- sortOn (length . fst) <$> G.inspect_get_mountpoints g root
  forM_ points $ \(point, device) ->
    handle (\e -> putStrLn (show (e :: IOException) ++ " (ignored)")) (G.mount_ro g device point)
  issue <- G.is_file g "/etc/issue" []
  when issue $ G.cat g "/etc/issue" >>= putStr . ("--- /etc/issue ---\n" ++)
  G.umount_all g
