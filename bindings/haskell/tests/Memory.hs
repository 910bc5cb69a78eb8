{-# LANGUAGE OverloadedLabels #-}
-- No growth: 10,000 calls of each shape, and 200 handles.

import Check
import Control.Monad
import qualified Data.ByteString as B
import Data.IORef
import qualified Guestfs as G
import System.Mem (performMajorGC)

quietly :: IO a -> IO ()
quietly act = act `says` ""

-- | KiB by which the process grows; what Haskell itself keeps for later is not counted twice.
growth :: IO () -> IO Int
growth act = do
  performMajorGC
  before <- resident
  act
  performMajorGC
  subtract before <$> resident

main :: IO ()
main = do
  g <- G.create
  G.internal_test_set_output g "/dev/null"
  let list = ["a", "b"]
      buffer = B.replicate 1000 0
      test = G.internal_test g "abc"
      none = \_ _ _ _ -> return ()
      shapes =
        [ test (Just "def") list False 0 0 "123" "456" buffer
            [#obool True, #oint 1, #oint64 1, #ostring "s", #ostringlist list]
        , quietly (test Nothing list False 0 0 "" "" buffer [#oint 1, #oint 2])
        , void (G.internal_test_rint g "1") >> void (G.internal_test_rint64 g "1") >> void (G.internal_test_rbool g "true")
        , void (G.internal_test_rconststring g "x") >> void (G.internal_test_rconstoptstring g "x")
            >> void (G.internal_test_rstring g "x")
        , void (G.internal_test_rstringlist g "20") >> void (G.internal_test_rhashtable g "20")
        , void (G.internal_test_rbufferout g "01234567") >> void (G.internal_test_rstruct g "x")
            >> void (G.internal_test_rstructlist g "20")
        , quietly (G.internal_test_rstructerr g) >> quietly (G.internal_test_rstringlisterr g)
        , G.set_event_callback g none [G.EVENT_ENTER] >>= G.delete_event_callback g
        , do eh <- G.set_event_callback g none [G.EVENT_ENTER, G.EVENT_PROGRESS]
             _ <- G.get_smp g
             G.delete_event_callback g eh
        ]
  forM_ (zip [0 :: Int ..] shapes) $ \(i, shape) -> do
    replicateM_ 2000 shape
    -- A leak would be of 16 bytes a call and more, each time.
    grown <- take 5 <$> rounds (growth (replicateM_ 10000 shape))
    that ("shape " ++ show i ++ " grew by " ++ show grown ++ " KiB") (minimum grown <= 256)
  closed <- newIORef (0 :: Int)
  let handles = do
        writeIORef closed 0
        replicateM_ 200 $ do
          h <- G.create
          void (G.set_event_callback h (\_ _ _ _ -> modifyIORef' closed (+ 1) >> G.close h) [G.EVENT_CLOSE])
        soon "the collector closes handles" ((== 200) <$> readIORef closed)
  handles
  grown <- rounds (growth handles)
  that ("handles grew by " ++ show grown ++ " KiB") (minimum grown <= 256)
  putStrLn "ok"
  where
    -- Until one is small.
    rounds act = go (5 :: Int)
      where go n = act >>= \k -> if k <= 256 || n == 1 then return [k] else (k :) <$> go (n - 1)
