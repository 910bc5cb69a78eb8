# SPDX-License-Identifier: LGPL-2.1-or-later

require "_guestfs"

# Open, inspect and change the disk images of virtual machines.
#
# EVENT_CLOSE and the other constants are classes of events; EVENT_ALL is all of them.
module Guestfs
  ##
  # :singleton-method: create
  # :call-seq: create(options = {}) -> Guestfs::Guestfs
  #
  # The same as Guestfs.new.

  ##
  # :singleton-method: event_to_string
  # :call-seq: event_to_string(events) -> String
  #
  # Names of the event classes that are in +events+, separated by commas.

  # What a call of the library raises.
  class Error < StandardError
    ##
    # :attr_reader: errno
    #
    # Number of the error of the system, such as Errno::ENOENT::Errno, or 0 when there is none.
  end

  # A handle: disk images, and the machine that works on them. Its calls are the methods that are not described here.
  class Guestfs
    ##
    # :singleton-method: new
    # :call-seq: new(options = {}) -> Guestfs::Guestfs
    #
    # A new handle. With <code>environment: false</code> it does not read LIBGUESTFS_ variables; with
    # <code>close_on_exit: false</code> the end of the program does not close it.

    ##
    # :method: close
    # :call-seq: close() -> nil
    #
    # Close the handle, once the calls that are in progress have ended. Closing twice is nothing; every other call of a
    # closed handle raises ArgumentError.

    ##
    # :method: last_errno
    # :call-seq: last_errno() -> Integer
    #
    # The Error#errno of the last call that failed in this thread.

    ##
    # :method: set_event_callback
    # :call-seq:
    #   set_event_callback(callback, events) -> Integer
    #   set_event_callback(events) { |event, event_handle, buffer, array| } -> Integer
    #
    # Have +callback+ called with four arguments for every event of these classes. Returns what delete_event_callback
    # wants.

    ##
    # :method: delete_event_callback
    # :call-seq: delete_event_callback(event_handle) -> nil
    #
    # Undo set_event_callback.

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
