// Say which operating systems are in a disk image, or which file systems.
//
//	go run inspect_disk.go DISK
package main

import (
	"fmt"
	"os"
	"sort"

	"libguestfs.org/guestfs"
)

func inspect(disk string) error {
	g, err := guestfs.Create()
	if err != nil {
		return err
	}
	defer g.Close()

	// Read-only: the image cannot be changed, and a guest may be using it.
	if err := g.Add_drive(disk, &guestfs.OptargsAdd_drive{Readonly_is_set: true, Readonly: true}); err != nil {
		return err
	}
	if err := g.Launch(); err != nil {
		return err
	}
	roots, err := g.Inspect_os()
	if err != nil {
		return err
	}
	for _, root := range roots {
		if err := show(g, root); err != nil {
			return err
		}
	}
	if len(roots) == 0 {
		filesystems, err := g.List_filesystems()
		if err != nil {
			return err
		}
		fmt.Println("no operating system found; file systems:")
		for device, kind := range filesystems {
			fmt.Printf("  %s: %s\n", device, kind)
		}
	}
	return nil
}

func show(g *guestfs.Guestfs, root string) error {
	fmt.Println("Root device:", root)
	for _, fact := range []struct {
		name string
		get  func(string) (string, error)
	}{
		{"Product name", g.Inspect_get_product_name},
		{"Type", g.Inspect_get_type},
		{"Distro", g.Inspect_get_distro},
	} {
		value, err := fact.get(root)
		if err != nil {
			return err
		}
		fmt.Printf("  %s: %s\n", fact.name, value)
	}

	// Short mount points first, so that /boot is mounted after /.
	devices, err := g.Inspect_get_mountpoints(root)
	if err != nil {
		return err
	}
	var points []string
	for point := range devices {
		points = append(points, point)
	}
	sort.Slice(points, func(i, j int) bool { return len(points[i]) < len(points[j]) })
	for _, point := range points {
		if err := g.Mount_ro(devices[point], point); err != nil {
			fmt.Println(err, "(ignored)")
		}
	}
	if there, err := g.Is_file("/etc/issue", nil); err == nil && there {
		issue, err := g.Cat("/etc/issue")
		if err != nil {
			return err
		}
		fmt.Printf("--- /etc/issue ---\n%s\n", issue)
	}
	return g.Umount_all()
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: inspect_disk DISK")
		os.Exit(2)
	}
	if err := inspect(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
