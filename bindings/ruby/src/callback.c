/* callback.c: event callbacks in Ruby, and how a call lets Ruby's other threads run.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "ruby_guestfs.h"

#include <ruby/debug.h>
#include <ruby/thread.h>
#include <ruby/version.h>
#include <stdlib.h>

/* Exported by every Ruby, for fiddle; in no header. */
extern int ruby_thread_has_gvl_p (void);

/* What runs with the GVL released. On the stack, where the collector finds the exception. */
struct region {
  struct glue_frame *frame;     /* NULL while closing */
  void (*fn) (void *arg);
  void *arg;
  int ran;
  volatile int unblocked;
  struct late late;             /* what a callback raised */
  VALUE main;                   /* the main thread, whose call this is, or nil */
  struct region *next;
};

/* Those of calls of the main thread. The GVL guards the list. */
static struct region *of_main;

/* The region that this thread is in, NULL wherever Ruby runs, so that fibers may come and go. */
static __thread struct region *inside;
/* Where closing leaves exceptions; and whether it is the collector that closes. */
static __thread struct late *closing;
static __thread int collecting;

/* Not inlined: with M:N threads, what comes after a callback may run on another thread, where these are others. */
__attribute__ ((__noinline__)) static struct region *
enter (struct region *r)
{
  struct region *before = inside;

  inside = r;
  return before;
}

__attribute__ ((__noinline__)) void
ruby_closing (struct late *late)
{
  if (late)
    *late = (struct late) { 0, Qnil };
  closing = late;
}

void
ruby_collecting (int now)
{
  collecting = now;
}

/* Keep what rb_protect caught. */
static struct late
caught (int state)
{
  VALUE error = rb_errinfo ();

  /* The end of a thread, and what throw throws, are no objects: Ruby has them where they are. */
  if (SPECIAL_CONST_P (error) || RB_BUILTIN_TYPE (error) == T_IMEMO)
    return (struct late) { state, Qnil };
  rb_set_errinfo (Qnil);
  return (struct late) { state, error };
}

void
ruby_go_on (const struct late *late)
{
  if (late->state == 0)
    return;
  if (!NIL_P (late->error))
    rb_set_errinfo (late->error);
  rb_jump_tag (late->state);
}

static void *
run (void *arg)
{
  struct region *r = arg;
  struct region *before;

  /* What was cancelled before it began would not hear of it. */
  if (r->frame && r->unblocked)
    return NULL;
  r->ran = 1;
  before = enter (r);
  r->fn (r->arg);
  enter (before);
  return NULL;
}

static void *
run_bare (void *arg)
{
  struct region *r = arg;

  r->ran = 1;
  r->fn (r->arg);
  return NULL;
}

/* Run by whichever thread has the GVL: cancel the main thread's calls if there is something to raise in it. */
static void
cancel_raised (void *unused)
{
  struct region *r;

  (void) unused;
  for (r = of_main; r; r = r->next)
    if (r->unblocked && RTEST (rb_funcall (r->main, rb_intern ("pending_interrupt?"), 0)))
      guestfs_user_cancel (r->frame->g);
}

#if RUBY_API_VERSION_MAJOR == 3 && RUBY_API_VERSION_MINOR < 3
#define prepare_job() ((void) 0)
#define run_job() rb_postponed_job_register_one (0, cancel_raised, NULL)
#else
static rb_postponed_job_handle_t job;
#define prepare_job() (job = rb_postponed_job_preregister (0, cancel_raised, NULL))
#define run_job() rb_postponed_job_trigger (job)
#endif

/* Thread#raise, Thread#kill and Timeout end a call. Signals do not: they may have nothing to do with it, as the SIGCHLD
 * of the library's own children. (SIGINT is glue's to watch.) They come to the main thread alone, from a thread without
 * the GVL; but Ruby takes one that sleeps for one that has it, so that only what waits to be raised is proof. */
static void
unblock (void *arg)
{
  struct region *r = arg;

  if (r->frame == NULL || !ruby_thread_has_gvl_p ())
    return;
  r->unblocked = 1;
  if (NIL_P (r->main))
    guestfs_user_cancel (r->frame->g);
  else
    run_job ();
}

/* Enter and leave the list, where the main thread calls. A fiber may leave before those that came after it. */
static void
list_region (struct region *r, int listed)
{
  struct region **at = &of_main;

  if (NIL_P (r->main))
    return;
  if (listed) {
    r->next = of_main;
    of_main = r;
    return;
  }
  while (*at && *at != r)
    at = &(*at)->next;
  if (*at)
    *at = r->next;
}

static VALUE
check_interrupts (VALUE unused)
{
  rb_thread_check_ints ();
  return unused;
}

/* The collector's closing: callbacks are left out, as what they refer to may be gone. */
static void
collect (struct region *r)
{
  /* Not while memory is swept; but Ruby frees handles after it, where threads may run. */
  if (!rb_during_gc () && collecting == 1)
    rb_nogvl (run_bare, r, NULL, NULL, RB_NOGVL_INTR_FAIL);
  if (!r->ran)
    run_bare (r);
}

static void
unlocked (struct glue_frame *f, void (*fn) (void *arg), void *arg)
{
  struct region r = { .frame = f, .fn = fn, .arg = arg, .late = { 0, Qnil }, .main = Qnil };
  struct late *late = closing;
  int tries, state;

  if (collecting) {
    collect (&r);
    return;
  }
  if (f && rb_thread_current () == rb_thread_main ())
    r.main = rb_thread_main ();
  for (tries = 0; !r.ran; tries++) {
    r.unblocked = 0;
    if (f)
      glue_watch (f, 1);
    list_region (&r, 1);
    /* Checks for interrupts neither before nor after. */
    rb_nogvl (run, &r, unblock, &r, RB_NOGVL_INTR_FAIL | RB_NOGVL_UBF_ASYNC_SAFE);
    list_region (&r, 0);
    if (f)
      glue_unwatch (f);
    if (r.ran)
      break;
    /* Something waits to be raised, and comes first; but a handle is closed all the same. */
    if (f)
      rb_thread_check_ints ();
    else if (tries < 2) {
      rb_protect (check_interrupts, Qnil, &state);
      if (state)
        r.late = caught (state);
    }
    else
      run_bare (&r);
  }
  if (f)
    ruby_go_on (&r.late);
  else if (late && r.late.state)
    *late = r.late;
}

/* One event for one callback. */
struct delivery {
  struct function *function;
  const struct glue_event *event;
  struct region *region;
};

static VALUE
call_function (VALUE arg)
{
  const struct delivery *d = (const struct delivery *) arg;
  const struct glue_event *e = d->event;
  VALUE values[4] = { ULL2NUM (e->event), INT2NUM (e->id), Qnil, rb_ary_new_capa ((long) e->array_len) };
  size_t i;

  values[2] = rb_str_new (e->text, e->text ? (long) e->size : 0);
  for (i = 0; i < e->array_len; i++)
    rb_ary_push (values[3], ULL2NUM (e->array[i]));
  return rb_funcallv (d->function->callable, rb_intern ("call"), 4, values);
}

static VALUE
print (VALUE error)
{
  VALUE text = rb_str_new_cstr ("guestfs: exception in callback: ");

  rb_str_concat (text, rb_funcall (error, rb_intern ("full_message"), 0));
  rb_io_write (rb_stderr, text);
  return Qnil;
}

static void *
deliver (void *arg)
{
  struct delivery *d = arg;
  struct late late;
  int state;

  rb_protect (call_function, (VALUE) d, &state);
  if (state == 0)
    return NULL;
  late = caught (state);
  if (!NIL_P (late.error)
      && (rb_obj_is_kind_of (late.error, rb_eStandardError) || rb_obj_is_kind_of (late.error, rb_eScriptError))) {
    rb_protect (print, late.error, &state);
    if (state)
      rb_set_errinfo (Qnil);
    return NULL;
  }
  /* The end of the program or of the thread is the end of the call, too. */
  d->region->late = late;
  if (d->region->frame)
    guestfs_user_cancel (d->region->frame->g);
  return NULL;
}

static void
event (void *function, const struct glue_event *e)
{
  struct region *r = inside;
  struct delivery d = { function, e, r };

  /* Below the collector, or in a thread that is none of Ruby's; or the call is already being left. */
  if (r == NULL || r->late.state)
    return;
  enter (NULL);
  rb_thread_call_with_gvl (deliver, &d);
  enter (r);
}

static void
forget (void *arg)
{
  struct function *function = arg;

  *function->link = function->next;
  if (function->next)
    function->next->link = function->link;
  free (function);
}

const struct glue_language glue_language = { unlocked, event, forget };

static VALUE
set_body (VALUE arg)
{
  struct call *c = (struct call *) arg;
  struct object *o = c->frame.handle->owner;
  int given = rb_block_given_p ();
  VALUE callable = given ? rb_block_proc () : c->argc > 0 ? c->argv[0] : Qnil;
  struct function *function;
  uint64_t events;
  int id;

  rb_check_arity (c->argc, given ? 1 : 2, given ? 1 : 2);
  events = NUM2ULL (c->argv[given ? 0 : 1]);
  if (!rb_respond_to (callable, rb_intern ("call")))
    rb_raise (rb_eTypeError, "set_event_callback: the callback must have a method call, %s has none",
              rb_obj_classname (callable));
  function = malloc (sizeof *function);
  if (function == NULL)
    rb_memerror ();
  *function = (struct function) { callable, o->functions, &o->functions };
  if (o->functions)
    o->functions->link = &function->next;
  o->functions = function;
  /* Should it fail, the handle's end forgets the function. */
  id = glue_set_event_callback (&c->frame, events, function);
  if (id == -1)
    ruby_raise (&c->frame);
  return INT2NUM (id);
}

static VALUE
set_event_callback (int argc, VALUE *argv, VALUE self)
{
  return ruby_within (self, NULL, "set_event_callback", argc, argv, set_body);
}

static VALUE
delete_body (VALUE arg)
{
  struct call *c = (struct call *) arg;

  glue_delete_event_callback (&c->frame, NUM2INT (c->argv[0]));
  return Qnil;
}

static VALUE
delete_event_callback (VALUE self, VALUE id)
{
  return ruby_within (self, NULL, "delete_event_callback", 1, &id, delete_body);
}

static VALUE
event_to_string (VALUE self, VALUE events)
{
  char *names = guestfs_event_to_string (NUM2ULL (events));
  VALUE text;

  (void) self;
  if (names == NULL)
    rb_memerror ();
  text = rb_str_new_cstr (names);
  free (names);
  return text;
}

void
ruby_define_events (VALUE module, VALUE class)
{
  uint64_t all = 0;
  char name[64];
  size_t i;

  prepare_job ();
  for (i = 0; i < glue_nr_events; i++) {
    snprintf (name, sizeof name, "EVENT_%s", glue_events[i].upper);
    rb_define_const (module, name, ULL2NUM (glue_events[i].bit));
    all |= glue_events[i].bit;
  }
  rb_define_const (module, "EVENT_ALL", ULL2NUM (all));
  rb_define_module_function (module, "event_to_string", event_to_string, 1);
  rb_define_method (class, "set_event_callback", set_event_callback, -1);
  rb_define_method (class, "delete_event_callback", delete_event_callback, 1);
}
