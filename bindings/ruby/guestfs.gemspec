# gem build guestfs.gemspec, in this directory: the links to what is shared and generated become files of the gem.

Gem::Specification.new do |s|
  s.name = "guestfs"
  s.version = "0.1.0"
  s.summary = "Open, inspect and change the disk images of virtual machines"
  s.description = "The calls of libguestfs as methods of one class, over libguestfs.so.0."
  s.authors = ["The guestfs-rs developers"]
  s.license = "LGPL-2.1-or-later"
  s.required_ruby_version = ">= 3.0"
  s.require_paths = ["lib"]
  s.extensions = ["src/extconf.rb"]
  s.extra_rdoc_files = ["sig/guestfs/calls.rb"]
  s.files = Dir.chdir(__dir__) do
    Dir["lib/*.rb", "src/*.{c,h,rb}", "src/glue/*.{c,h}", "src/generated/*.c", "src/include/guestfs.h", "sig/*.rbs",
        "sig/guestfs/*.rb", "examples/*.rb"]
  end
end
