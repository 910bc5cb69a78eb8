{-# LANGUAGE OverloadedLabels #-}
-- What a handle has beside calls: closing, the collector, texts, options, errors, events, threads, interruption.
--
-- Behaviour: works in the current directory; one handle is launched.

import Check
import Control.Concurrent
import Control.Exception
import Control.Monad
import qualified Data.ByteString.Char8 as B
import Data.IORef
import Guestfs (Event (..))
import qualified Guestfs as G
import Guestfs.Structs (Version (..))
import System.IO
import System.Process (callProcess)
import System.Timeout (timeout)

closing :: IO ()
closing = do
  closed <- newIORef (0 :: Int)
  let count event _ string numbers = do
        that "a close event" (event == EVENT_CLOSE && null string && null numbers)
        modifyIORef' closed (+ 1)
  g <- G.create
  _ <- G.set_event_callback g count [EVENT_CLOSE]
  G.close g
  G.close g
  readIORef closed `gives` 1
  (G.get_memsize g `saysNumber` "get_memsize: handle is closed") `gives` 9
  (G.launch g `saysNumber` "launch: handle is closed") `gives` 9
  (G.set_event_callback g count [EVENT_CLOSE] `saysNumber` "set_event_callback: handle is closed") `gives` 9
  (G.delete_event_callback g 0 `saysNumber` "delete_event_callback: handle is closed") `gives` 9

  -- By the callback of a call in progress: the call still ends.
  h <- G.create
  G.set_trace h True
  _ <- G.set_event_callback h (\_ _ _ _ -> G.close h) [EVENT_TRACE]
  G.get_smp h `gives` 1
  G.get_smp h `says` "handle is closed"

  -- Left to the collector: even those whose callback refers to them, and their callbacks are told.
  before <- files
  forM_ [1 .. 20 :: Int] $ \_ -> do
    k <- G.create
    -- A handle has no descriptors of its own before it is launched.
    _ <- G.set_event_callback k (\e _ _ _ -> when (e == EVENT_CLOSE) $ modifyIORef' closed (+ 1) >> G.close k) G.event_all
    return ()
  soon "the collector closes handles" ((== 21) <$> readIORef closed)
  after <- files
  that "no descriptors are left" (after <= before + 2)

texts :: IO ()
texts = do
  g <- G.create
  -- Four bytes in UTF-8; bytes that are no UTF-8; what a surrogate would be in UTF-8; beginnings of characters. All of
  -- this whatever the locale is.
  let odd' = ["\xDC80x\xDCFF", "\xFFFD\xDCC3", "\xDCED\xDCA0\xDC80", "a\xDCE2\xDC82", "\xDCF0\xDC9F\xDC98", "a\xDCC3"]
  forM_ (["", "é€😀"] ++ odd') $ \s -> do
    G.set_program g s
    G.get_program g `gives` s
    G.internal_test_rbufferout g s >>= \b -> G.internal_test_rstring g s >>= \t -> that "lengths" (B.length b >= length t)
  (G.set_program g "a\0b" `saysNumber` "set_program: program: a text with a NUL inside") `gives` 22
  G.set_program g "x\xD83D" `says` "program: a text with half a character, '\\55357'"
  G.set_backend_settings g ["a", "b\0"] `says` "settings: a text with a NUL inside"
  -- A name that is not UTF-8, in the host, and a number of more than 32 bits.
  let disk = "é\xDCFF.img"
  G.disk_create g disk "raw" (2 ^ (32 :: Int) + 4096) []
  G.disk_virtual_size g disk `gives` (2 ^ (32 :: Int) + 4096)
  (G.disk_create g disk "raw" (2 ^ (63 :: Int)) [] `saysNumber` "size: 9223372036854775808 does not fit into 64 bits") `gives` 22
  G.set_memsize g (2 ^ (32 :: Int)) `says` "set_memsize: memsize: 4294967296 does not fit into 32 bits"

options :: IO ()
options = do
  g <- G.create_flags [minBound ..]
  G.disk_create g "a.qcow2" "qcow2" 1048576 [#clustersize 65536]
  G.disk_format g "a.qcow2" `gives` "qcow2"
  let drive = G.add_drive g "a.qcow2"
  drive [#readonly True, #format "qcow2"]
  drive [#label "abc"]
  drive [#blocksize 512, #server []]
  drive []
  (drive [#readonly True, #format "raw", #readonly False] `saysNumber`
    "add_drive: optional argument 'readonly' given more than once") `gives` 22
  drive [#format "a\0"] `says` "add_drive: format: a text with a NUL inside"
  drive [#blocksize (-3000000000)] `says` "blocksize: -3000000000 does not fit into 32 bits"
  G.get_append g `gives` Nothing
  G.set_append g (Just "a b")
  G.get_append g `gives` Just "a b"
  v <- G.version g
  that "a version" (major v == 1 && not (null (extra v)))

errors :: IO ()
errors = do
  g <- G.create
  (G.add_drive_ro g "/nonexistent/\xDCFF" `saysNumber` "/nonexistent/\xDCFF") `gives` 2
  got <- try (G.internal_test_rinterr g)
  -- As a failure of fail, which they were in upstream's binding.
  that "as fail" (either (show :: IOException -> String) show got == "user error (error)")
  return (G.error_number (userError "x")) `gives` 0

events :: IO ()
events = do
  mapM (G.event_to_string . pure) G.event_all `gives`
    ["close", "subprocess_quit", "launch_done", "progress", "appliance", "library", "trace", "enter", "libvirt_auth", "warning"]
  G.event_to_string [] `gives` ""
  g <- G.create
  seen <- newIORef []
  let note event eh string numbers = modifyIORef seen ((event, eh, string, length numbers) :)
      since act = writeIORef seen [] >> act >> readIORef seen
  trace <- G.set_event_callback g note [EVENT_TRACE]
  enter <- G.set_event_callback g note [EVENT_ENTER]
  G.set_trace g True
  got <- since (void (G.get_smp g))
  that (show got) ((EVENT_ENTER, enter, "get_smp", 0) `elem` got && (EVENT_TRACE, trace, "get_smp = 1", 0) `elem` got)
  mapM_ (G.delete_event_callback g) [trace, 4711, -5, enter]
  _ <- G.set_event_callback g (\_ _ _ _ -> return ()) [EVENT_TRACE] -- or it is printed
  G.set_trace g False
  since (void (G.get_smp g)) `gives` []

  -- A callback may delete itself, call back, and fail.
  h <- G.create
  calls <- newIORef (0 :: Int)
  _ <- G.set_event_callback h (\_ eh _ _ -> do
    modifyIORef' calls (+ 1)
    G.delete_event_callback h eh
    size <- G.get_memsize h
    that "a call of a callback" (size > 0)) [EVENT_ENTER]
  replicateM_ 2 (G.get_smp h)
  readIORef calls `gives` 1
  _ <- G.set_event_callback h (\_ _ _ _ -> throwIO (ErrorCall "broken callback")) [EVENT_ENTER]
  G.get_smp h `gives` 1

-- | In threads; their exceptions are this one's.
together :: Int -> IO () -> IO ()
together n act = do
  ends <- replicateM n $ do
    end <- newEmptyMVar
    _ <- forkIO (try act >>= putMVar end)
    return end
  forM_ ends $ \end -> takeMVar end >>= either (throwIO :: SomeException -> IO ()) return

threads :: IO ()
threads = do
  g <- G.create
  count <- newIORef (0 :: Int)
  G.set_trace g True
  _ <- G.set_event_callback g (\_ _ _ _ -> atomicModifyIORef' count (\n -> (n + 1, ()))) [EVENT_TRACE]
  together 4 $ replicateM_ 200 $ do
    (length <$> G.internal_test_rstringlist g "3") `gives` 3
    G.get_memsize g
  readIORef count `gives` (4 * 200 * 4)
  -- Calls that are ended at any moment of theirs: before they have begun, too.
  forM_ [1 .. 300] $ \n -> timeout (n * 3) (G.internal_test_rstringlist g "1000")
  -- Closing while others are inside calls.
  replicateM_ 20 $ do
    h <- G.create
    begun <- newIORef (0 :: Int)
    together 4 $ do
      n <- atomicModifyIORef' begun (\n -> (n + 1, n))
      when (n == 3) $ G.close h
      (forever (G.internal_test_rint h "1") `saysNumber` "handle is closed") `gives` 9

-- | On a machine: what is thrown to a thread ends its call, and the handle goes on.
launched :: IO ()
launched = do
  g <- G.create
  classes <- newIORef []
  _ <- G.set_event_callback g (\e _ _ _ -> atomicModifyIORef' classes (\l -> (e : l, ()))) G.event_all
  G.add_drive_scratch g 104857600 []
  G.set_verbose g True
  G.set_trace g True
  G.launch g
  -- Other threads run meanwhile.
  ticks <- newIORef (0 :: Int)
  ticker <- forkIO (forever (threadDelay 10000 >> modifyIORef' ticks (+ 1)))
  timeout 1000000 (G.sleep g 60) `gives` Nothing
  killThread ticker
  n <- readIORef ticks
  that ("other threads ran: " ++ show n) (n > 20)
  G.ping_daemon g
  -- An exception of another kind, in a thread that is not the main one; twice on one handle.
  forM_ [1, 2 :: Int] $ \_ -> do
    end <- newEmptyMVar
    sleeper <- forkIO (try (G.sleep g 60) >>= putMVar end)
    threadDelay 200000
    throwTo sleeper (ErrorCall "enough")
    ended <- timeout 20000000 (takeMVar end)
    that "ended by its exception" (ended == Just (Left (ErrorCall "enough")))
  -- user_cancel from another thread.
  _ <- forkIO (threadDelay 300000 >> G.user_cancel g)
  (G.sleep g 60 `saysNumber` "sleep") `gives` 4
  -- Two threads at once on one handle that works.
  G.mkfs g "ext2" "/dev/sda" [#label "hs", #blocksize 1024]
  G.mount g "/dev/sda" "/"
  together 2 $ replicateM_ 20 $ G.write_append g "/log" "x" >> G.ping_daemon g
  G.filesize g "/log" `gives` 40
  G.vfs_label g "/dev/sda" `gives` "hs"
  G.write g "/b" (B.pack "a\0\xFF")
  G.read_file g "/b" `gives` B.pack "a\0\xFF"
  G.touch g "/\xDCFFé"
  names <- G.ls g "/"
  that (show names) ("\xDCFFé" `elem` names)
  _ <- G.debug g "progress" ["2"]
  pid <- G.get_pid g
  callProcess "kill" ["-KILL", show pid]
  G.ping_daemon g `says` "ping_daemon"
  G.close g
  told <- readIORef classes
  -- The other two tell of credentials for libvirt, and of what should not be.
  let missing = [e | e <- G.event_all, e `notElem` told, e `notElem` [EVENT_LIBVIRT_AUTH, EVENT_WARNING]]
  that ("events that did not come: " ++ show missing) (null missing)

main :: IO ()
main = do
  hSetEncoding stderr utf8
  closing
  texts
  options
  errors
  events
  threads
  launched
  putStrLn "ok"
