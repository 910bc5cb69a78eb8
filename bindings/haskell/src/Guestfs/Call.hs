-- | The one way to make a call.
--
-- In: the number of a call and its values. Out: its result, or an 'IOException'. A call that may wait runs in a thread
-- of its own while the caller waits for it, so that an exception that is thrown to the caller cancels the call.
module Guestfs.Call
  ( call, callWith, module Guestfs.Result, GuestfsH, Option, (:=), Argument (..), Bytes (..)
  , Bool, ByteString, IO, Int, Int64, Integer, Maybe, Ptr, String
  ) where

import Control.Concurrent
import Control.Exception
import Control.Monad (when)
import Data.ByteString (ByteString)
import Foreign
import Foreign.C.String (CString, peekCString)
import Foreign.C.Types
import Guestfs.Argument
import Guestfs.Handle
import Guestfs.Option
import Guestfs.Result

foreign import ccall safe gfs_hs_call :: Ptr Handle -> CUInt -> Ptr () -> Word64 -> IO (Ptr Reply)
foreign import ccall safe gfs_hs_end :: Ptr Reply -> IO ()
foreign import ccall safe glue_cancel :: Ptr Handle -> IO ()
foreign import ccall unsafe gfs_hs_name :: CUInt -> IO CString
foreign import ccall unsafe gfs_hs_param :: CUInt -> CUInt -> IO CString
foreign import ccall unsafe gfs_hs_blocks :: CUInt -> IO CInt

-- | A call without options.
call :: Int -> GuestfsH -> [Arg] -> (Ptr Reply -> IO a) -> IO a
call index g args = run (fromIntegral index) g args []

-- | A call with options.
callWith :: Int -> GuestfsH -> [Arg] -> [Option all] -> (Ptr Reply -> IO a) -> IO a
callWith index g args options = run (fromIntegral index) g args (erased options)

run :: CUInt -> GuestfsH -> [Arg] -> [Given] -> (Ptr Reply -> IO a) -> IO a
run index g args options result = withHandle g $ \h -> do
  let values = zip [0 ..] args ++ [(length args + i, value) | Given i _ value <- options]
  mapM_ (\(i, value) -> checked (named i) value) values
  mask' <- given 0 options
  allocaBytes (16 * 72) $ \array -> do
    fillBytes array 0 (16 * 72)
    foldr (\(i, value) -> store (array `plusPtr` (16 * i)) value) (finish h array mask') values
  where
    named i = (\name param -> name ++ ": " ++ param ++ ": ") <$> callName <*> (gfs_hs_param index i' >>= peekCString)
      where i' = fromIntegral (i :: Int)
    callName = gfs_hs_name index >>= peekCString
    given mask' [] = return mask'
    given mask' (Given i option _ : rest)
      | testBit mask' i = do
          name <- callName
          failure (name ++ ": optional argument '" ++ option ++ "' given more than once") 22
      | otherwise = given (mask' .|. bit i) rest
    finish h array mask' = mask_ $ do
      blocks <- gfs_hs_blocks index
      let make = gfs_hs_call h index array mask'
      reply <- if blocks == 0 then make else cancelling h make
      when (reply == nullPtr) $ failure "out of memory" 12
      (failed reply >> result reply) `finally` gfs_hs_end reply

-- | Run what must not be left half way, in a thread of its own; exceptions are masked. What is thrown to this thread
-- cancels the call, which may not have begun yet, until it ends: only then is the memory that it reads given up.
cancelling :: Ptr Handle -> IO (Ptr Reply) -> IO (Ptr Reply)
cancelling h make = do
  done <- newEmptyMVar
  _ <- forkIO (make >>= putMVar done)
  takeMVar done `catch` \e -> do
    reply <- uninterruptibleMask_ (stop done)
    when (reply /= nullPtr) $ gfs_hs_end reply
    throwIO (e :: SomeException)
  where
    stop done = tryTakeMVar done >>= maybe (glue_cancel h >> threadDelay 10000 >> stop done) return
