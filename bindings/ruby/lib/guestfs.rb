# SPDX-License-Identifier: LGPL-2.1-or-later

require "_guestfs"

# Open, inspect and change the disk images of virtual machines.
module Guestfs
  class Guestfs
    # As new. With a block, which is given the handle: closes it afterwards, and returns what the block does.
    def self.open(*args)
      g = new(*args)
      return g unless block_given?
      begin
        yield g
      ensure
        g.close
      end
    end
  end
end
