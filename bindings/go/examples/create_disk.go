// Make a disk image with a partition, a file system and a few files.
//
//	go run create_disk.go DISK
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"libguestfs.org/guestfs"
)

func create(output string) error {
	// Ctrl-C cancels the call that is being made.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	handle, err := guestfs.Create()
	if err != nil {
		return err
	}
	defer handle.Close()
	g := handle.WithContext(ctx)

	// A sparse raw image of 512 MiB, attached to the handle, whose machine is then started.
	if err := g.Disk_create(output, "raw", 512<<20, nil); err != nil {
		return err
	}
	raw := guestfs.OptargsAdd_drive{Format_is_set: true, Format: "raw"}
	if err := g.Add_drive(output, &raw); err != nil {
		return err
	}
	if err := g.Launch(); err != nil {
		return err
	}

	devices, err := g.List_devices()
	if err != nil {
		return err
	}
	if err := g.Part_disk(devices[0], "mbr"); err != nil {
		return err
	}
	partitions, err := g.List_partitions()
	if err != nil {
		return err
	}
	label := guestfs.OptargsMkfs{Label_is_set: true, Label: "go"}
	if err := g.Mkfs("ext4", partitions[0], &label); err != nil {
		return err
	}
	if err := g.Mount(partitions[0], "/"); err != nil {
		return err
	}
	if err := g.Touch("/empty"); err != nil {
		return err
	}
	if err := g.Write("/hello", []byte("Hello, world\n")); err != nil {
		return err
	}
	if err := g.Mkdir("/foo"); err != nil {
		return err
	}
	// Its errors are the last chance to learn that something was not written.
	return g.Shutdown()
}

func main() {
	output := "disk.img"
	if len(os.Args) > 1 {
		output = os.Args[1]
	}
	if err := create(output); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
