//! What `--help` prints.

/// The options, one a line.
pub const TEXT: &str = "\
guestfish: look into the disks of virtual machines and change them

  guestfish [OPTIONS]                     commands from a terminal or from standard input
  guestfish [OPTIONS] -f SCRIPT           commands from a file
  guestfish [OPTIONS] CMD [: CMD : …]     commands from the command line

Disks:
  -a, --add FILE|URI           add a disk image, or a disk on the network
      --format[=raw|qcow2|…]   format of the images of the -a options that follow
      --blocksize[=512|4096]   sector size of the disks of the -a options that follow
  -d, --domain NAME            add the disks of a libvirt domain
  -c, --connect URI            where libvirt is, for -d
  -N, --new [FILE=]TYPE        make and add a prepared disk (-N help lists the types)
      --trust TRUST            contained: images reach only files in their own folder (default: trusted)
      --trust-folder DIR       and in this one; may be given more than once
  -r, --ro                     add and mount read-only: never changes an image
  -w, --rw                     add and mount for writing
Mounts:
  -m, --mount DEV[:MNT[:OPTIONS[:FSTYPE]]]
                               launch and mount (MNT is / when left out)
  -i, --inspector              launch, find the operating system and mount its disks
      --key SELECTOR           key of an encrypted disk, for -i
      --keys-from-stdin        read keys from standard input
      --echo-keys              show keys while they are typed
Running:
  -f, --file SCRIPT            read commands from a file, - is standard input
  -n, --no-sync                do not write everything out at the end
      --network                connect the appliance to the network
      --pipe-error             failing to write to a pipe is an error
      --progress-bars          always show how far long commands are
      --no-progress-bars       never show it (default: on a terminal)
      --no-dest-paths          do not complete paths of the guest
      --selinux                does nothing: old scripts have it
  -x                           print each call as it is made
  -v, --verbose                print what the library and the appliance do
Remote control:
      --listen                 run in the background: eval \"$(guestfish --listen)\"
      --csh                    the same for csh: eval \"`guestfish --listen --csh`\"
      --remote[=PID]           send commands there (PID is $GUESTFISH_PID when left out)
Help:
  -h, --cmd-help [CMD]         list the commands, or explain one
      --help                   this text
  -V, --version                the version

A first look:   guestfish --ro -a disk.img run : list-filesystems
The manual:     man guestfish
";
