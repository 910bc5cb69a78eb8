{-# LANGUAGE OverloadedLabels #-}
-- The binding-test calls: Arguments OUT. The library writes the arguments that it received to OUT, for comparison with
-- ../../c/tests/bindtests.expected; what results say is checked here.

import Check
import qualified Data.ByteString.Char8 as B
import Guestfs as G
import Guestfs.Structs (PV (..))
import System.Environment (getArgs)

main :: IO ()
main = do
  [out] <- getArgs
  g <- create_flags [CREATE_NO_ENVIRONMENT, CREATE_NO_CLOSE_ON_EXIT]
  G.internal_test_set_output g out
  let two = ["a b", "é"]
      nul = B.pack "abc\0abc"
  G.internal_test g "abc" (Just "def") [] False 0 0 "123" "456" nul []
  G.internal_test g "abc" Nothing [] False 0 0 "123" "456" "abc\0abc" []
  G.internal_test g "" (Just "") ["1"] True (-1) (-1) "" "" B.empty [#obool True]
  G.internal_test g "x\xDCFFy" (Just "def") two True 2147483647 9223372036854775807 "i" "o" "\1\DEL"
    [#oint (-2147483647), #oint64 (-9223372036854775807)]
  G.internal_test g "abc" (Just "def") two False 5 6 "i" "o" "z" [#ostringlist two, #ostring "string", #obool False]
  G.internal_test g "abc" (Just "def") [] False 5 6 "i" "o" "z" [#ostringlist [], #ostring ""]
  G.internal_test_only_optargs g []
  G.internal_test_only_optargs g [#test 7]
  G.internal_test_63_optargs g [#opt1 1, #opt32 32, #opt63 (-63)]
  G.internal_test_close_output g

  G.internal_test_rint g "10" `gives` 10
  G.internal_test_rint g "-2147483648" `gives` (-2147483648)
  G.internal_test_rint64 g "10" `gives` 10
  G.internal_test_rint64 g "-9223372036854775807" `gives` (-9223372036854775807)
  mapM (G.internal_test_rbool g) ["true", "false"] `gives` [True, False]
  G.internal_test_rconststring g "x" `gives` "static string"
  G.internal_test_rconstoptstring g "x" `gives` Just "static string"
  G.internal_test_rstring g "é\xDCFF€" `gives` "é\xDCFF€"
  mapM (G.internal_test_rstringlist g) ["0", "1", "3"] `gives` [[], ["0"], ["0", "1", "2"]]
  mapM (G.internal_test_rhashtable g) ["0", "2"] `gives` [[], [("0", "0"), ("1", "1")]]
  G.internal_test_rbufferout g "01234" `gives` B.pack "01234"
  G.internal_test_rbufferout g "\xDCFF" `gives` B.pack "\xFF"
  let pv n = PV ("pv" ++ show n) "12345678901234567890123456789012" "unknown" n n n n ("attr" ++ show n) (to n) (to n)
        ("tag" ++ show n) n (to n) n
      to = fromIntegral
  G.internal_test_rstruct g "x" `gives` pv 0
  mapM (G.internal_test_rstructlist g) ["0", "3"] `gives` [[], map pv [0, 1, 2]]

  G.internal_test_rinterr g `says` "error"
  G.internal_test_rint64err g `says` "error"
  G.internal_test_rboolerr g `says` "error"
  G.internal_test_rconststringerr g `says` "error"
  G.internal_test_rconstoptstringerr g `gives` Nothing
  G.internal_test_rstringerr g `says` "error"
  G.internal_test_rstringlisterr g `says` "error"
  G.internal_test_rhashtableerr g `says` "error"
  G.internal_test_rbufferouterr g `says` "error"
  G.internal_test_rstructerr g `says` "error"
  G.internal_test_rstructlisterr g `says` "error"
  close g
  close g
  G.internal_test_rint g "1" `says` "internal_test_rint: handle is closed"
  event_to_string [EVENT_CLOSE, EVENT_TRACE] `gives` "close,trace"
  putStrLn "ok"
