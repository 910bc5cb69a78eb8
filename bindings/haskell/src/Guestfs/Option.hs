{-# LANGUAGE AllowAmbiguousTypes, DataKinds, FlexibleContexts, FlexibleInstances, FunctionalDependencies, KindSignatures,
  ScopedTypeVariables, TypeApplications, TypeFamilies, TypeOperators, UndecidableInstances #-}
-- | Optional arguments, checked by the compiler.
--
-- A call with options takes a list of them last, each a label and a value:
--
-- > g `add_drive` "disk.img" $ [#format "raw", #readonly True]
--
-- Labels want the extension @OverloadedLabels@. Which ones a call has, and of which types, is a list of types that has
-- the name of the call.
module Guestfs.Option (Option, Given (..), Has (..), (:=), erased) where

import Data.Kind (Type)
import Data.Proxy (Proxy (..))
import GHC.OverloadedLabels (IsLabel (..))
import GHC.TypeLits
import Guestfs.Argument

-- | An option of a call that has @all@ of those.
newtype Option (all :: [Type]) = Option Given

-- | Its place among the options of the call, its name, its value.
data Given = Given !Int String Arg

-- | An option of this name and type.
data (:=) (name :: Symbol) a

-- | The option @name@ is one of @all@ and has type @a@.
class Has (name :: Symbol) (all :: [Type]) a | name all -> a where
  place :: Int

instance {-# OVERLAPPING #-} a ~ b => Has name ((name := b) ': rest) a where
  place = 0

instance Has name rest a => Has name (other ': rest) a where
  place = 1 + place @name @rest @a

instance (TypeError ('Text "The call has no option " ':<>: 'Text name), a ~ ()) => Has name '[] a where
  place = 0

instance (KnownSymbol name, Has name all a, Argument a) => IsLabel name (a -> Option all) where
  fromLabel = Option . Given (place @name @all @a) (symbolVal (Proxy @name)) . arg

erased :: [Option all] -> [Given]
erased options = [given | Option given <- options]
