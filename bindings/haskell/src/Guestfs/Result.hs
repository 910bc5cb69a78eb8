{-# LANGUAGE FlexibleInstances, TypeFamilies #-}
-- | Results on their way from C.
--
-- In: a reply (@struct reply@ and @struct item@ of @gfs_hs.c@, whose offsets are here). Out: values that do not refer
-- to it.
module Guestfs.Result
  ( Reply, failed, none, truth, int, int64, text, optText, texts, pairs, buffer, record, records
  , Field (..), Record (..), Row, field
  ) where

import Control.Monad (when)
import Data.ByteString (ByteString, packCStringLen)
import Foreign
import Foreign.C.Types
import Guestfs.Handle (failure, peekText)

data Reply
data Item

-- | Fail if the call did.
failed :: Ptr Reply -> IO ()
failed reply = do
  message <- peekByteOff reply 8 :: IO (Ptr CChar)
  when (message /= nullPtr) $ do
    code <- peekByteOff reply 0 :: IO Int64
    size <- lengthArray0 0 message
    string <- peekText message size
    failure string (fromIntegral code)

-- | How to read items that lie side by side: a value, and where the next one is.
newtype Row a = Row (Ptr Item -> IO (a, Ptr Item))

instance Functor Row where
  fmap f (Row row) = Row (\p -> row p >>= \(a, q) -> return (f a, q))

instance Applicative Row where
  pure a = Row (\p -> return (a, p))
  Row f <*> Row row = Row (\p -> f p >>= \(f', q) -> row q >>= \(a, r) -> let b = f' a in b `seq` return (b, r))

-- | Structs, by their fields.
class Record a where
  fields :: Row a

-- | Types of fields and other items.
class Field a where
  peekField :: Ptr Item -> IO a

field :: Field a => Row a
field = Row (\p -> peekField p >>= \a -> a `seq` return (a, p `plusPtr` 32))

whole :: Num a => Ptr Item -> IO a
whole p = fromIntegral <$> (peekByteOff p 16 :: IO Int64)

instance Field Int where peekField = whole
instance Field Int32 where peekField = whole
instance Field Int64 where peekField = whole
instance Field Word32 where peekField = whole
instance Field Word64 where peekField = whole

instance Field Bool where
  peekField p = (/= (0 :: Int64)) <$> whole p

-- | A byte.
instance Field Char where
  peekField p = toEnum <$> whole p

-- | A percentage, which need not be there.
instance Field (Maybe Float) where
  peekField p = (\n -> if n < 0 then Nothing else Just (realToFrac n)) <$> (peekByteOff p 24 :: IO Double)

instance Field ByteString where
  peekField p = sized p >>= packCStringLen

instance c ~ Char => Field [c] where
  peekField p = sized p >>= uncurry peekText

sized :: Ptr Item -> IO (Ptr CChar, Int)
sized p = (\at size -> (at, fromIntegral (size :: CSize))) <$> peekByteOff p 0 <*> peekByteOff p 8

items :: Ptr Reply -> IO (Ptr Item)
items reply = peekByteOff reply 24

one :: Row a -> Ptr Reply -> IO a
one (Row row) reply = fst <$> (items reply >>= row)

many :: Row a -> Ptr Reply -> IO [a]
many (Row row) reply = (peekByteOff reply 16 :: IO CSize) >>= \n -> items reply >>= rows n
  where
    rows 0 _ = return []
    rows n p = row p >>= \(a, q) -> (a :) <$> rows (n - 1) q

none :: Ptr Reply -> IO ()
none _ = return ()

truth :: Ptr Reply -> IO Bool
truth = one field

int :: Ptr Reply -> IO Int
int = one field

int64 :: Ptr Reply -> IO Int64
int64 = one field

text :: Ptr Reply -> IO String
text = one field

optText :: Ptr Reply -> IO (Maybe String)
optText reply = do
  at <- items reply >>= \p -> peekByteOff p 0
  if at == (nullPtr :: Ptr CChar) then return Nothing else Just <$> text reply

texts :: Ptr Reply -> IO [String]
texts = many field

pairs :: Ptr Reply -> IO [(String, String)]
pairs = many ((,) <$> field <*> field)

buffer :: Ptr Reply -> IO ByteString
buffer = one field

record :: Record a => Ptr Reply -> IO a
record = one fields

records :: Record a => Ptr Reply -> IO [a]
records = many fields
