{-# LANGUAGE MagicHash, UnboxedTuples #-}
-- | Handles and event callbacks.
--
-- In: flags, functions. Out: handles that are closed by 'close', by the collector, or when the program ends. The
-- functions of a handle are kept by the handle: C has a stable pointer to something that refers to it weakly, so that
-- a callback may mention its handle and the collector still finds both.
module Guestfs.Handle
  ( GuestfsH, Handle, CreateFlag (..), create, create_flags, close, withHandle
  , Callback, set_event_callback, delete_event_callback, event_to_string
  , failure, error_number, peekText, textEncoding
  ) where

import Control.Exception (IOException, SomeException, catch, evaluate, mask_, throwIO)
import Data.IORef
import qualified Data.IntMap.Strict as Map
import Foreign
import Foreign.C.Types
import qualified GHC.Foreign
import GHC.Exts (touch#)
import GHC.IO (IO (..))
import GHC.IO.Encoding (TextEncoding)
import GHC.IO.Encoding.Failure (CodingFailureMode (RoundtripFailure))
import GHC.IO.Encoding.UTF8 (mkUTF8)
import GHC.IO.Exception (IOErrorType (UserError), IOException (..))
import Guestfs.Events
import System.IO (hPutStrLn, stderr)
import System.IO.Unsafe (unsafePerformIO)
import System.Mem.Weak (Weak, deRefWeak)

-- | A handle, which all calls take first.
data GuestfsH = GuestfsH !(Ptr Handle) !(IORef Table) !Link

-- | The handle of C.
data Handle

-- | Functions by their numbers, and the next number. The reference to it is also what the collector watches.
data Table = Table !Int !(Map.IntMap Callback)

-- | The way from C to the table: weak, but for the time in which the collector closes the handle.
data Link = Link !(Weak (IORef Table)) !(IORef (Maybe (IORef Table)))

-- | What C has of a function.
data Hook = Hook !Link !Int

-- | A function for events: class, what 'set_event_callback' returned, text and numbers.
type Callback = Event -> Int -> String -> [Word64] -> IO ()

-- | How a handle is made.
data CreateFlag
  = CREATE_NO_ENVIRONMENT -- ^ Do not read @LIBGUESTFS_*@ and @TMPDIR@.
  | CREATE_NO_CLOSE_ON_EXIT -- ^ Leave the handle alone when the program ends with it open.
  deriving (Eq, Ord, Enum, Bounded, Show, Read)

foreign import ccall safe glue_create :: CUInt -> IO (Ptr Handle)
foreign import ccall "&gfs_hs_ended" ended :: FunPtr (Ptr () -> IO ())
foreign import ccall safe gfs_hs_close :: Ptr Handle -> IO ()
foreign import ccall safe gfs_hs_free :: Ptr Handle -> IO ()
foreign import ccall safe gfs_hs_set_event_callback :: Ptr Handle -> Word64 -> StablePtr Hook -> IO CInt
foreign import ccall safe gfs_hs_delete_event_callback :: Ptr Handle -> CInt -> IO CInt
foreign import ccall safe guestfs_event_to_string :: Word64 -> IO (Ptr CChar)

foreign export ccall "gfs_hs_event" event
  :: StablePtr Hook -> Word64 -> Int32 -> Ptr CChar -> Word64 -> Ptr Word64 -> Word64 -> IO ()
foreign export ccall "gfs_hs_forget" forget :: StablePtr Hook -> IO ()

-- | A new handle.
create :: IO GuestfsH
create = create_flags []

-- | A new handle with flags.
create_flags :: [CreateFlag] -> IO GuestfsH
create_flags flags = mask_ $ do
  _ <- evaluate atEnd
  h <- glue_create (foldr ((.|.) . bit . fromEnum) 0 flags)
  if h == nullPtr then failure "create: cannot make a handle: out of memory" 12 else do
    table <- newIORef (Table 0 Map.empty)
    strong <- newIORef Nothing
    -- The close event still finds the functions.
    weak <- mkWeakIORef table (writeIORef strong (Just table) >> gfs_hs_free h)
    return (GuestfsH h table (Link weak strong))

-- | What has the handles closed that are open when the program ends: never collected, so that its finalizer runs then.
atEnd :: StablePtr (ForeignPtr ())
atEnd = unsafePerformIO (newForeignPtr ended nullPtr >>= newStablePtr)
{-# NOINLINE atEnd #-}

-- | Close the handle now, or when the calls that other threads are in have ended. Closing again does nothing.
close :: GuestfsH -> IO ()
close g = withHandle g gfs_hs_close

-- | The handle of C, which the collector leaves alone meanwhile.
withHandle :: GuestfsH -> (Ptr Handle -> IO a) -> IO a
withHandle (GuestfsH h table _) use = do
  result <- use h
  IO (\s -> (# touch# table s, () #))
  return result

-- | Have a function called for events of these classes; the number is for 'delete_event_callback'. An exception of the
-- function is printed and does not reach the call.
set_event_callback :: GuestfsH -> Callback -> [Event] -> IO Int
set_event_callback g@(GuestfsH _ table link) function events = mask_ $ do
  key <- atomicModifyIORef' table (\(Table n m) -> (Table (n + 1) (Map.insert n function m), n))
  hook <- newStablePtr (Hook link key)
  eh <- withHandle g $ \h -> gfs_hs_set_event_callback h (mask events) hook
  case eh of
    -1 -> failure "set_event_callback: out of memory" 12
    -2 -> forget hook >> closed "set_event_callback"
    _ -> return (fromIntegral eh)
  where mask = foldr ((.|.) . event_value) 0

-- | Forget a function; numbers that are not in use are ignored.
delete_event_callback :: GuestfsH -> Int -> IO ()
delete_event_callback g eh
  | eh < 0 || eh > fromIntegral (maxBound :: CInt) = return ()
  | otherwise = do
      status <- withHandle g $ \h -> gfs_hs_delete_event_callback h (fromIntegral eh)
      if status == 0 then return () else closed "delete_event_callback"

-- | Names of classes, separated by commas.
event_to_string :: [Event] -> IO String
event_to_string events = mask_ $ do
  names <- guestfs_event_to_string (foldr ((.|.) . event_value) 0 events)
  if names == nullPtr then failure "event_to_string: out of memory" 12 else do
    size <- lengthArray0 0 names
    peekText names size <* free names

event :: StablePtr Hook -> Word64 -> Int32 -> Ptr CChar -> Word64 -> Ptr Word64 -> Word64 -> IO ()
event stable value eh text size array n = (do
  Hook link key <- deRefStablePtr stable
  function <- reach link >>= maybe (return Nothing) (fmap (\(Table _ m) -> Map.lookup key m) . readIORef)
  case (function, filter ((/= 0) . (.&. value) . event_value) event_all) of
    (Just f, class' : _) -> do
      words' <- peekArray (fromIntegral n) array
      string <- if text == nullPtr then return "" else peekText text (fromIntegral size)
      f class' (fromIntegral eh) string words'
    _ -> return ()) `catch` \e -> hPutStrLn stderr ("Guestfs: in an event callback: " ++ show (e :: SomeException))

forget :: StablePtr Hook -> IO ()
forget stable = do
  Hook link key <- deRefStablePtr stable
  freeStablePtr stable
  reach link >>= mapM_ (\t -> atomicModifyIORef' t (\(Table n m) -> (Table n (Map.delete key m), ())))

reach :: Link -> IO (Maybe (IORef Table))
reach (Link weak strong) = deRefWeak weak >>= maybe (readIORef strong) (return . Just)

closed :: String -> IO a
closed name = failure (name ++ ": handle is closed") 9

-- | Fail as @fail@ does, with a number beside the text.
failure :: String -> Int -> IO a
failure message code = throwIO (IOError Nothing UserError "" message (Just (fromIntegral code)) Nothing)

-- | errno of a call that failed; 0 when there is none.
error_number :: IOException -> Int
error_number = maybe 0 fromIntegral . ioe_errno

-- | UTF-8, whatever the locale is; a byte that is not part of a text in UTF-8, say 0xE9, is the character U+DCE9.
textEncoding :: TextEncoding
textEncoding = mkUTF8 RoundtripFailure

peekText :: Ptr CChar -> Int -> IO String
peekText p size = GHC.Foreign.peekCStringLen textEncoding (p, size)
