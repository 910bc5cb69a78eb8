# Makes the images that the cases of peers.txt work on, with Debian's guestfish on whatever library it finds.
# In: the working directory, with hives SOFTWARE and SYSTEM. Out: guest.img (a small Debian in LVM, with /boot apart),
# plain.img (one ext4), windows.img, and below systems/ what systems.py makes.
set -eu
cp "$(dirname "$0")"/*.py .
mkdir systems
(cd systems && python3 -B ../systems.py make)
mkdir -p tree/etc tree/bin tree/usr/bin tree/var/log tree/var/lib/dpkg tree/home/me tree/root tree/tmp tree/boot
cat > tree/etc/os-release <<'END'
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
ID=debian
END
echo 12.5 > tree/etc/debian_version
echo a-guest > tree/etc/hostname
printf 'root:x:0:0:root:/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n' > tree/etc/passwd
cat > tree/etc/fstab <<'END'
# a comment
/dev/mapper/VG-root / ext4 errors=remount-ro 0 1
LABEL=boot /boot ext2 defaults 0 2
/dev/VG/swap none swap sw 0 0
UUID=11111111-2222-3333-4444-555555555555 /missing ext4 defaults 0 2
END
cat > tree/var/lib/dpkg/status <<'END'
Package: dpkg
Status: install ok installed
Priority: required
Section: admin
Installed-Size: 6000
Architecture: amd64
Version: 1:1.21.22-3~deb1
Homepage: https://wiki.debian.org/
Description: package management
 Two lines of
 description.

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0
Description: removed

END
seq 1 200 | sed 's/^/line /' > tree/var/log/syslog
printf 'one\ntwo\nthree\n' > tree/home/me/notes
printf '\001\002\003binary\000' > tree/home/me/bytes
ln -s notes tree/home/me/link
ln tree/home/me/notes tree/home/me/hard
mkdir 'tree/home/me/with blanks'
echo x > 'tree/home/me/with blanks/ü'
chmod 640 tree/home/me/notes
cp /bin/true tree/bin/sh
cp /bin/true tree/bin/ls
ln -s ../../bin/ls tree/usr/bin/dir
find tree -exec touch -h -d '2024-02-03 04:05:06 UTC' {} +
tar -C tree --sort=name --numeric-owner --owner=0 --group=0 -cf tree.tar .

guestfish <<'END'
sparse guest.img 400M
run
part-init /dev/sda mbr
part-add /dev/sda p 2048 206847
part-add /dev/sda p 206848 -1
mkfs ext2 /dev/sda1 label:boot
pvcreate /dev/sda2
vgcreate VG /dev/sda2
lvcreate root VG 200
lvcreate swap VG 32
mkfs ext4 /dev/VG/root label:root
mkswap /dev/VG/swap
set-uuid /dev/sda1 aaaaaaaa-0000-4000-8000-000000000001
set-uuid /dev/VG/root aaaaaaaa-0000-4000-8000-000000000002
mount /dev/VG/root /
mkdir /boot
mount /dev/sda1 /boot
tar-in tree.tar /
write /boot/vmlinuz-6.1.0 "not a kernel"
umount-all
END
guestfish <<'END'
sparse plain.img 64M
run
part-disk /dev/sda mbr
mkfs ext4 /dev/sda1 label:plain
set-uuid /dev/sda1 aaaaaaaa-0000-4000-8000-000000000003
mount /dev/sda1 /
tar-in tree.tar /
umount-all
END
# The header of a program for x86-64.
{
  printf 'MZ'; head -c 58 /dev/zero; printf '\200\0\0\0'; head -c 64 /dev/zero
  printf 'PE\0\0\144\206'; head -c 14 /dev/zero; printf '\360\0\0\0\013\002'; head -c 300 /dev/zero
} > cmd.exe
guestfish <<'END'
sparse windows.img 128M
run
part-disk /dev/sda mbr
mkfs ntfs /dev/sda1
mount /dev/sda1 /
mkdir-p /Windows/System32/config
mkdir-p /Windows/System32/drivers
mkdir "/Program Files"
upload cmd.exe /Windows/System32/cmd.exe
upload SOFTWARE /Windows/System32/config/SOFTWARE
upload SYSTEM /Windows/System32/config/SYSTEM
touch /Windows/System32/config/SAM
umount-all
END
