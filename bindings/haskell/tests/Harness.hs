{-# LANGUAGE FlexibleInstances, TypeFamilies #-}
-- What the generated steps are made of: results as values that can be compared, steps, a test and what it runs in.
module Harness (Test (..), Run (..), Expect (..), Value (..), Result (..), step, path, bytes, localWrite, localRead) where

import Control.Exception
import Data.Bits (shiftR, (.&.), (.|.))
import qualified Data.ByteString.Char8 as B
import Data.Char (chr, ord)
import Data.Int (Int32, Int64)
import Data.List (isInfixOf, isPrefixOf)
import Data.Word (Word32, Word64)
import Foreign.C.Error
import Guestfs (GuestfsH, error_number)

-- | Name, scenario, steps.
data Test = Test String String (Run -> IO ())

data Run = Run { handle :: GuestfsH, directory :: String }

-- | Texts are bytes; conditions are 0 and 1.
data Value = N | I Integer | F Double | S String | L [Value] | T [(String, Value)]
  deriving (Eq, Show)

data Expect = Ok | Equals Value | Unordered [Value] | Contains String | Error (Maybe String)
  deriving Show

class Result a where
  value :: a -> Value

instance Result () where value _ = N
instance Result Bool where value = I . toInteger . fromEnum
instance Result Int where value = I . toInteger
instance Result Int32 where value = I . toInteger
instance Result Int64 where value = I . toInteger
instance Result Word32 where value = I . toInteger
instance Result Word64 where value = I . toInteger
instance Result Char where value c = S [c]
instance Result Float where value = F . realToFrac
instance Result B.ByteString where value = S . B.unpack
instance Result a => Result (Maybe a) where value = maybe N value
instance {-# OVERLAPPING #-} Result String where value = S . concatMap utf8
instance Result a => Result [a] where value = L . map value
instance {-# OVERLAPPING #-} Result [(String, String)] where value = T . map (fmap value)

utf8 :: Char -> String
utf8 c
  | n < 0x80 = [c]
  | n >= 0xDC80 && n <= 0xDCFF = [chr (n .&. 0xFF)]
  | n < 0x800 = [chr (0xC0 .|. shiftR n 6), rest 0]
  | n < 0x10000 = [chr (0xE0 .|. shiftR n 12), rest 6, rest 0]
  | otherwise = [chr (0xF0 .|. shiftR n 18), rest 12, rest 6, rest 0]
  where
    n = ord c
    rest s = chr (0x80 .|. (shiftR n s .&. 0x3F))

-- | Of tables only the wanted keys count.
matches :: Value -> Value -> Bool
matches (T got) (T want) = and [maybe False (`matches` w) (lookup k got) | (k, w) <- want]
matches (L got) (L want) = length got == length want && and (zipWith matches got want)
matches (F got) (F want) = abs (got - want) < 0.01
matches got want = got == want

unordered :: [Value] -> [Value] -> Bool
unordered got [] = null got
unordered got (w : ws) = case break (`matches` w) got of
  (before, _ : after) -> unordered (before ++ after) ws
  _ -> False

holds :: Value -> Expect -> Bool
holds _ Ok = True
holds got (Equals want) = matches got want
holds (L got) (Unordered want) = unordered got want
holds (S got) (Contains want) = want `isInfixOf` got
holds (L got) (Contains want) = S want `elem` got
holds _ _ = False

step :: Result a => Int -> IO a -> Expect -> IO ()
step number act wanted = do
  got <- try act
  case (got, wanted) of
    (Left e, Error Nothing) -> const (return ()) (e :: IOException)
    (Left e, Error (Just name)) | lookup name errnos == Just (error_number e) -> return ()
    (Left e, _) -> wrong (show e ++ ", errno " ++ show (error_number e))
    (Right v, _) | holds (value v) wanted -> return ()
                 | otherwise -> wrong (show (value v))
  where wrong what = throwIO (ErrorCall ("step " ++ show number ++ ": got " ++ what ++ ", wanted " ++ show wanted))

errnos :: [(String, Int)]
errnos = [(name, fromIntegral n) | (name, Errno n) <-
  [ ("EPERM", ePERM), ("ENOENT", eNOENT), ("EIO", eIO), ("EACCES", eACCES), ("EBUSY", eBUSY), ("EEXIST", eEXIST)
  , ("EXDEV", eXDEV), ("ENODEV", eNODEV), ("ENOTDIR", eNOTDIR), ("EISDIR", eISDIR), ("EINVAL", eINVAL)
  , ("EFBIG", eFBIG), ("ENOSPC", eNOSPC), ("EROFS", eROFS), ("ERANGE", eRANGE), ("ENAMETOOLONG", eNAMETOOLONG)
  , ("ENOTEMPTY", eNOTEMPTY), ("ELOOP", eLOOP), ("ENODATA", eNODATA), ("EPROTO", ePROTO), ("ENOTSUP", eOPNOTSUPP) ]]

-- | With the test's own directory in the place of @%tmp@.
path :: Run -> String -> String
path t = go
  where
    go [] = []
    go s@(c : rest) | "%tmp" `isPrefixOf` s = directory t ++ go (drop 4 s)
                    | otherwise = c : go rest

bytes :: String -> B.ByteString
bytes = B.pack

localWrite :: String -> B.ByteString -> IO ()
localWrite = B.writeFile

localRead :: String -> IO B.ByteString
localRead = B.readFile
