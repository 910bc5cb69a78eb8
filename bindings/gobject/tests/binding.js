// What JavaScript relies on: arguments, results, closing, the collector, errors, events, cancelling.
//
// gjs binding.js OUT DIR [PART]: the library writes the arguments of the binding tests to OUT; DIR is an empty
// directory; PART is the only part to run; without it all are, but for `raising`, which prints, and `memory`.

const { Gio, GLib, Guestfs } = imports.gi;
const System = imports.system;
const [output, dir, only] = ARGV;
const bytes = text => new TextEncoder().encode(text);
const text = data => new TextDecoder().decode(data);

function assert(truth, ...said) {
  if (!truth)
    throw new Error(`assertion failed: ${said.map(String).join(' ')}`);
}

function equal(a, b) {
  assert(JSON.stringify(a) === JSON.stringify(b), JSON.stringify(a), 'is not', JSON.stringify(b));
}

// The error with which `f` fails.
function fails(f) {
  try {
    f();
  } catch (e) {
    return e;
  }
  throw new Error(`did not fail: ${f}`);
}

// In the order of bindtests.expected; JavaScript has no texts that are not UTF-8, so one is another.
function bindtests() {
  const g = new Guestfs.Session();
  const two = ['a b', 'é'];
  const big = 9223372036854775807n;
  const all = options => new Guestfs.InternalTest(options);
  g.internal_test_set_output(output);
  g.internal_test('abc', 'def', [], false, 0, 0, '123', '456', bytes('abc\0abc'), null, null);
  g.internal_test('abc', null, [], false, 0, 0, '123', '456', bytes('abc\0abc'), all({}), null);
  g.internal_test('', '', ['1'], true, -1, -1, '', '', bytes(''), all({ obool: Guestfs.Tristate.TRUE }), null);
  g.internal_test('xÿy', 'def', two, true, 2147483647, big, 'i', 'o', bytes('\x01\x7f'),
    all({ oint: -2147483647, oint64: -big }), null);
  g.internal_test('abc', 'def', two, false, 5, 6, 'i', 'o', bytes('z'),
    all({ obool: Guestfs.Tristate.FALSE, ostring: 'string', ostringlist: two }), null);
  g.internal_test('abc', 'def', [], false, 5, 6, 'i', 'o', bytes('z'), all({ ostring: '', ostringlist: [] }), null);
  g.internal_test_only_optargs(null, null);
  g.internal_test_only_optargs(new Guestfs.InternalTestOnlyOptargs({ test: 7 }), null);
  g.internal_test_63_optargs(new Guestfs.InternalTest63Optargs({ opt1: 1, opt32: 32, opt63: -63 }), null);
  g.internal_test_close_output();

  // Wrong types are errors before the library sees anything; so are options that there are not.
  fails(() => g.internal_test_rint());
  fails(() => g.internal_test_rstringlist({}));
  fails(() => g.internal_test_set_output(null));
  fails(() => new Guestfs.InternalTest({ nosuch: 1 }));
  fails(() => new Guestfs.InternalTest({ ostringlist: 3 }));
  fails(() => g.internal_test_only_optargs(new Guestfs.InternalTest(), null));

  equal(g.internal_test_rint('10'), 10);
  equal(g.internal_test_rint64('-9007199254740991'), -9007199254740991);
  equal([g.internal_test_rbool('true'), g.internal_test_rbool('false')], [1, 0]);
  equal(g.internal_test_rconststring('x'), 'static string');
  equal(g.internal_test_rconstoptstring('x'), 'static string');
  equal(g.internal_test_rstring('é\u{1f600}'), 'é\u{1f600}');
  equal(g.internal_test_rstringlist('3'), ['0', '1', '2']);
  equal(g.internal_test_rstringlist('0'), []);
  equal(Object.entries(g.internal_test_rhashtable('2')).sort(), [['0', '0'], ['1', '1']]);
  equal(text(g.internal_test_rbufferout('01234')), '01234');
  equal(g.internal_test_rbufferout('').length, 0);
  const pv = g.internal_test_rstruct('x');
  equal([pv.pv_name, pv.pv_size, pv.pv_tags, String.fromCharCode(...pv.pv_uuid)],
    ['pv0', 0, 'tag0', '12345678901234567890123456789012']);
  equal(g.internal_test_rstructlist('0'), []);
  equal(g.internal_test_rstructlist('5').map(p => [p.pv_name, p.pv_mda_free]), [0, 1, 2, 3, 4].map(i => [`pv${i}`, i]));
  for (const kind of ['int', 'int64', 'bool', 'conststring', 'string', 'stringlist', 'struct', 'structlist', 'hashtable',
    'bufferout']) {
    const e = fails(() => g[`internal_test_r${kind}err`]());
    assert(e instanceof GLib.Error && e.message === 'error' && e.code === 0, e);
  }
  equal(g.internal_test_rconstoptstringerr(), null);
}

function closing() {
  const g = new Guestfs.Session();
  let closed = 0;
  g.connect('close', (session, params) => {
    assert(session === g && params.event === Guestfs.SessionEvent.CLOSE);
    closed++;
  });
  g.close();
  equal(closed, 1);
  for (const f of [() => g.close(), () => g.get_smp(), () => g.user_cancel()]) {
    const e = fails(f);
    assert(e.domain === GLib.quark_from_string('guestfs') && e.code === 9, e);
    assert(/^attempt to call \w+ after the session has been closed$/.test(e.message), e);
  }
  // Closed by a handler in the call: the call still ends.
  const h = new Guestfs.Session();
  h.connect('enter', (_, p) => text(p.buf) === 'get_smp' && h.close());
  equal(h.get_smp(), 1);
  fails(() => h.get_smp());
  // Left to the collector, or to the end of the program.
  const open = () => Gio.File.new_for_path('/proc/self/fd').enumerate_children('standard::name', 0, null);
  const count = () => [...open()].length;
  const before = count();
  for (let i = 0; i < 200; i++)
    new Guestfs.Session().connect('enter', () => {});
  assert(count() >= before + 200);
  System.gc();
  // The collector lets go of objects when it is idle.
  const context = GLib.MainContext.default();
  for (let i = 0; i < 100 && count() > before + 2; i++) {
    context.iteration(false);
    System.gc();
  }
  assert(count() <= before + 2, count(), before);
}

function errors() {
  const g = new Guestfs.Session();
  const e = fails(() => g.add_drive('/nonexistent/disk.img', null));
  assert(e.message.includes('/nonexistent/disk.img') && e.code === 2 && e instanceof GLib.Error, e);
  // Cancelled before it begins.
  const stopped = new Gio.Cancellable();
  stopped.cancel();
  assert(fails(() => g.internal_test_only_optargs(null, stopped)).matches(Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED));
}

function numbers() {
  const g = new Guestfs.Session();
  const size = 4294967296 + 1048576;
  g.disk_create(`${dir}/big.img`, 'raw', size, null);
  equal(g.disk_virtual_size(`${dir}/big.img`), size);
  g.disk_create(`${dir}/big2.img`, 'qcow2', BigInt(size), new Guestfs.DiskCreate({ clustersize: 65536 }));
  equal(g.disk_virtual_size(`${dir}/big2.img`), size);
  const o = new Guestfs.InternalTest({ oint64: 9007199254740991, ostringlist: ['a', 'é'] });
  equal([o.oint64, o.oint, o.obool, o.ostring], [9007199254740991, -1, Guestfs.Tristate.NONE, null]);
  equal(o.ostringlist, ['a', 'é']);
  g.set_backend_settings(['a', 'b=é']);
  equal(g.get_backend_settings(), ['a', 'b=é']);
  equal(g.get_append(), null);
  g.set_append('x y');
  equal(g.get_append(), 'x y');
  equal(g.version().major, 1);
}

function events() {
  const g = new Guestfs.Session();
  const seen = [];
  const trace = g.connect('trace', (_, p) => seen.push(['trace', text(p.buf), p.array_len]));
  g.connect('enter', (_, p) => seen.push(['enter', text(p.buf), p.flags]));
  g.set_trace(true);
  seen.length = 0;
  g.get_smp();
  equal(seen, [['enter', 'get_smp', 0], ['trace', 'get_smp', 0], ['trace', 'get_smp = 1', 0]]);
  g.disconnect(trace);
  g.connect('trace', () => {});
  seen.length = 0;
  g.get_smp();
  equal(seen, [['enter', 'get_smp', 0]]);
  fails(() => g.connect('nosuch', () => {}));
  const names = Object.keys(Guestfs.SessionEvent).filter(name => name === name.toUpperCase());
  equal(names.length, 10);
  names.forEach(name => g.disconnect(g.connect(name.toLowerCase(), () => {})));
  // A handler may disconnect itself and call back.
  const h = new Guestfs.Session();
  let count = 0;
  const id = h.connect('enter', () => {
    h.disconnect(id);
    count += h.version().major;
  });
  h.get_smp();
  h.get_smp();
  equal(count, 1);
}

// An exception in a handler is told, and does not reach the call.
function raising() {
  const g = new Guestfs.Session();
  g.connect('enter', () => {
    throw new Error('broken handler');
  });
  equal(g.get_smp(), 1);
}

// What the machine tells of.
function launched() {
  const g = new Guestfs.Session();
  const seen = new Set();
  let most = 0;
  for (const name of ['subprocess-quit', 'launch-done', 'progress', 'appliance', 'library', 'trace', 'enter', 'close'])
    g.connect(name, (_, p) => {
      seen.add(name);
      if (name === 'progress') {
        equal(p.array_len, 4);
        most = Math.max(most, p.array[2] / p.array[3]);
      }
    });
  g.set_verbose(true);
  g.set_trace(true);
  g.add_drive_scratch(256 * 1024 * 1024, null);
  g.launch();
  g.debug('progress', ['3']);
  g.mkfs('ext4', '/dev/sda', null);
  g.mount('/dev/sda', '/');
  g.write('/x', new Uint8Array([0, 255, 1]));
  equal([...g.read_file('/x')], [0, 255, 1]);
  equal(g.statns('/x').st_size, 3);
  // A text that is not UTF-8 is an error; its bytes can be had.
  g.write('/y', new Uint8Array([120, 255]));
  fails(() => g.cat('/y'));
  equal([...g.read_file('/y')], [120, 255]);
  equal(g.lstatnslist('/', ['x', 'lost+found']).map(s => s.st_size), [3, g.statns('/lost+found').st_size]);
  g.lsetxattr('user.a', 'b', 1, '/x');
  equal(g.getxattrs('/x').map(x => [x.attrname, text(x.attrval)]), [['user.a', 'b']]);
  // Cancelled by a handler, in a call that could take a minute: the thread's own cancellable is that of any call.
  const cancellable = new Gio.Cancellable();
  g.connect('enter', (_, p) => {
    if (text(p.buf) === 'debug')
      cancellable.cancel();
  });
  cancellable.push_current();
  const begun = Date.now();
  const e = fails(() => g.debug('sh', ['sleep 60']));
  cancellable.pop_current();
  assert(e.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED) && Date.now() - begun < 20000, e);
  // A machine that dies is told of by the call that notices.
  GLib.spawn_command_line_sync(`kill -9 ${g.get_pid()}`);
  fails(() => g.ping_daemon());
  g.close();
  equal([...seen].sort(),
    ['appliance', 'close', 'enter', 'launch-done', 'library', 'progress', 'subprocess-quit', 'trace']);
  equal(most, 1);
}

// No growth, where gjs converts arguments and results by what the introspection data say of who owns them.
function memory() {
  const g = new Guestfs.Session();
  const data = bytes('abc');
  const resident = () => {
    System.gc();
    return Number(text(GLib.file_get_contents('/proc/self/statm')[1]).split(' ')[1]) * 4;
  };
  const shapes = [
    () => g.internal_test('a', 'b', ['x', 'y'], true, 1, 1, '', '', data,
      new Guestfs.InternalTest({ oint: 1, ostring: 's', ostringlist: ['x', 'y'] }), null),
    () => g.internal_test_rint('1') + g.internal_test_rint64('1') + g.internal_test_rbool('true'),
    () => g.internal_test_rconststring('x') + g.internal_test_rconstoptstring('x') + g.internal_test_rstring('x'),
    () => [g.internal_test_rstringlist('20'), g.internal_test_rhashtable('20')],
    () => g.internal_test_rbufferout('01234567'),
    () => [g.internal_test_rstruct('x'), g.internal_test_rstructlist('20')],
    () => fails(() => g.internal_test_rstructerr()),
    () => g.disconnect(g.connect('enter', () => {})),
  ];
  g.internal_test_set_output('/dev/null');
  shapes.forEach((f, n) => {
    const run = times => {
      for (let i = 0; i < times; i++) {
        f();
        if (i % 1000 === 0)
          System.gc();
      }
    };
    run(4000);
    const before = resident();
    run(10000);
    const grown = resident() - before;
    print(`shape ${n}: ${grown} KiB`);
    assert(grown < 3072, 'shape', n, 'grew by', grown, 'KiB');
  });
}

for (const part of [bindtests, closing, errors, numbers, events, raising, launched, memory]) {
  if (only ? part.name === only : part !== raising && part !== memory)
    part();
}
print('ok');
