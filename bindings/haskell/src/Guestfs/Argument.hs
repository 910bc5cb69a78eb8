{-# LANGUAGE FlexibleInstances, TypeFamilies #-}
-- | Values on their way to C.
--
-- In: values of Haskell. Out: checked ones ('checked'), and their place in C's array ('store'), for as long as a call
-- runs.
module Guestfs.Argument (Arg, Argument (..), Bytes (..), checked, store) where

import Control.Monad (when)
import qualified Data.ByteString as B
import qualified Data.ByteString.Unsafe as B
import Data.Char (ord)
import Foreign
import Foreign.C.String (CString)
import Foreign.C.Types
import qualified GHC.Foreign
import Guestfs.Handle (failure, textEncoding)

-- | A value of one of the few shapes that calls take.
data Arg
  = Whole Integer
  | Wide Integer
  | Text String
  | Absent
  | Texts [String]
  | Buffer B.ByteString
  | Content String
  | Pointer (Ptr ())

-- | Types of arguments and options.
class Argument a where
  arg :: a -> Arg

instance Argument Bool where
  arg = Whole . toInteger . fromEnum

instance Argument Int where
  arg = Whole . toInteger

instance Argument Integer where
  arg = Wide

instance Argument [Char] where
  arg = Text

instance Argument [[Char]] where
  arg = Texts

instance Argument (Maybe [Char]) where
  arg = maybe Absent Text

instance Argument (Ptr ()) where
  arg = Pointer

-- | What can be the contents of a file: bytes, or a text, which becomes UTF-8.
class Bytes a where
  bytes :: a -> Arg

instance Bytes B.ByteString where
  bytes = Buffer

instance c ~ Char => Bytes [c] where
  bytes = Content

-- | The value, if C can have it; what is wrong with it follows the words that name it.
checked :: IO String -> Arg -> IO ()
checked name value = case value of
  Whole n -> range n (toInteger (minBound :: CInt)) (toInteger (maxBound :: CInt)) "32"
  Wide n -> range n (toInteger (minBound :: Int64)) (toInteger (maxBound :: Int64)) "64"
  Text s -> text s
  Texts list -> mapM_ text list
  Content s -> mapM_ half s
  Buffer b -> b `seq` return ()
  Pointer p -> p `seq` return ()
  Absent -> return ()
  where
    range n low high size = when (n < low || n > high) $ wrong (show n ++ " does not fit into " ++ size ++ " bits")
    text = mapM_ (\c -> if c == '\0' then wrong "a text with a NUL inside" else half c)
    half c = when (ord c >= 0xD800 && ord c <= 0xDFFF && not (ord c >= 0xDC80 && ord c <= 0xDCFF)) $
      wrong ("a text with half a character, " ++ show c)
    wrong why = name >>= \n -> failure (n ++ why) 22

-- | Put a value at a place of C's array, and keep what it points to while the action runs.
store :: Ptr a -> Arg -> IO b -> IO b
store at value next = case value of
  Whole n -> poke (castPtr at) (fromInteger n :: CInt) >> next
  Wide n -> poke (castPtr at) (fromInteger n :: Int64) >> next
  Absent -> poke (castPtr at) nullPtr >> next
  Pointer p -> poke (castPtr at) p >> next
  Text s -> withText s $ \p -> poke (castPtr at) p >> next
  Texts list -> withTexts list $ \ps -> withArray0 nullPtr ps $ \p -> poke (castPtr at) p >> next
  -- Without bytes there need be no pointer, which C wants.
  Buffer b | B.null b -> store at (Content "") next
  Buffer b -> B.unsafeUseAsCStringLen b sized
  Content s -> GHC.Foreign.withCStringLen textEncoding s sized
  where sized (p, n) = poke (castPtr at) p >> pokeByteOff at 8 (fromIntegral n :: CSize) >> next

withText :: String -> (CString -> IO a) -> IO a
withText = GHC.Foreign.withCString textEncoding

withTexts :: [String] -> ([CString] -> IO a) -> IO a
withTexts list use = foldr (\s next ps -> withText s (next . (: ps))) (use . reverse) list []
