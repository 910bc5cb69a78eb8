-- What the tests share.
module Check (that, gives, says, saysNumber, soon, resident, files) where

import Control.Concurrent (threadDelay)
import Control.Exception
import Data.List (isInfixOf)
import Guestfs (error_number)
import System.Directory (listDirectory)
import System.IO.Error (ioeGetErrorString)
import System.Mem (performMajorGC)

that :: String -> Bool -> IO ()
that what holds = if holds then return () else throwIO (ErrorCall ("not so: " ++ what))

gives :: (Eq a, Show a) => IO a -> a -> IO ()
gives act wanted = act >>= \got -> that (show got ++ ", wanted " ++ show wanted) (got == wanted)

-- | It fails with an IOException that says so.
says :: IO a -> String -> IO ()
says act wanted = saysNumber act wanted >> return ()

-- | And its errno.
saysNumber :: IO a -> String -> IO Int
saysNumber act wanted = do
  got <- try (act >> return ())
  case got of
    Left e -> that (show e ++ ", wanted " ++ show wanted) (wanted `isInfixOf` ioeGetErrorString e) >> return (error_number e)
    Right () -> throwIO (ErrorCall ("did not fail: " ++ wanted))

-- | Collect garbage until something holds.
soon :: String -> IO Bool -> IO ()
soon what holds = go (500 :: Int)
  where go n = holds >>= \h -> if h then return () else if n == 0 then that what False else
          performMajorGC >> threadDelay 10000 >> go (n - 1)

-- | KiB of this process.
resident :: IO Int
resident = do
  status <- readFile "/proc/self/status"
  return (sum [read n | line <- lines status, ["VmRSS:", n, _] <- [words line]])

-- | Descriptors that are open.
files :: IO Int
files = length <$> listDirectory "/proc/self/fd"
