/* class.c: class Guestfs::Guestfs, the frame of every call, errors.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "ruby_guestfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static VALUE error_class, handle_class;
/* Ruby ends: the handles that want to be are closed. */
static int ending;

static void
mark (void *p)
{
  const struct object *o = p;
  const struct function *function;

  for (function = o->functions; function; function = function->next)
    rb_gc_mark (function->callable);
}

/* The collector, and the end of Ruby. */
static void
release (void *p)
{
  struct object *o = p;

  if (o->handle && (!ending || o->handle->close_on_exit)) {
    ruby_collecting (ending ? 2 : 1);
    glue_free (o->handle);
    ruby_collecting (0);
  }
  while (o->functions) {
    struct function *function = o->functions;

    o->functions = function->next;
    free (function);
  }
  xfree (o);
}

static size_t
size (const void *p)
{
  const struct object *o = p;

  return sizeof *o + (o->handle ? sizeof *o->handle : 0);
}

static const rb_data_type_t type = { .wrap_struct_name = "Guestfs::Guestfs", .function = { mark, release, size } };

static VALUE
allocate (VALUE class)
{
  struct object *o;

  return TypedData_Make_Struct (class, struct object, &type, o);
}

static struct object *
object_of (VALUE self)
{
  return rb_check_typeddata (self, &type);
}

static int
take_flag (VALUE key, VALUE value, VALUE arg)
{
  unsigned *flags = (unsigned *) arg, flag = 0;

  if (key == ID2SYM (rb_intern ("environment")))
    flag = GUESTFS_CREATE_NO_ENVIRONMENT;
  else if (key == ID2SYM (rb_intern ("close_on_exit")))
    flag = GUESTFS_CREATE_NO_CLOSE_ON_EXIT;
  else
    rb_raise (rb_eArgError, "Guestfs::Guestfs.new: unknown optional argument %" PRIsVALUE, rb_inspect (key));
  if (!NIL_P (value) && !RTEST (value))
    *flags |= flag;
  return ST_CONTINUE;
}

static VALUE
initialize (int argc, VALUE *argv, VALUE self)
{
  struct object *o = object_of (self);
  unsigned flags = 0;
  VALUE options;

  rb_scan_args (argc, argv, "01", &options);
  if (!NIL_P (options)) {
    Check_Type (options, T_HASH);
    rb_hash_foreach (options, take_flag, (VALUE) &flags);
  }
  if (o->handle)
    rb_raise (rb_eTypeError, "Guestfs::Guestfs: already initialized");
  o->handle = glue_create (flags);
  if (o->handle == NULL)
    rb_raise (error_class, "Guestfs::Guestfs.new: cannot create a handle: %s", strerror (errno));
  o->handle->owner = o;
  return self;
}

static VALUE
initialize_copy (VALUE self, VALUE original)
{
  (void) self;
  rb_raise (rb_eTypeError, "can't copy %s", rb_obj_classname (original));
}

static VALUE
create (int argc, VALUE *argv, VALUE module)
{
  (void) module;
  return rb_class_new_instance (argc, argv, handle_class);
}

/* Closing twice is nothing. */
static VALUE
close_handle (VALUE self)
{
  struct object *o = object_of (self);
  struct late late;

  if (o->handle) {
    ruby_closing (&late);
    glue_close (o->handle);
    ruby_closing (NULL);
    ruby_go_on (&late);
  }
  RB_GC_GUARD (self);
  return Qnil;
}

void
ruby_raise (struct glue_frame *f)
{
  VALUE message = rb_utf8_str_new_cstr (glue_error (f));
  int number = glue_errno (f);
  VALUE error = rb_class_new_instance (1, &message, error_class);

  rb_ivar_set (error, rb_intern ("@errno"), INT2NUM (number));
  /* A call that was interrupted has failed for that alone. */
  rb_thread_check_ints ();
  rb_exc_raise (error);
}

static VALUE
end_call (VALUE arg)
{
  struct call *c = (struct call *) arg;
  struct late late;

  /* It may have been closed meanwhile. */
  ruby_closing (&late);
  glue_end (&c->frame);
  ruby_closing (NULL);
  ruby_go_on (&late);
  return Qnil;
}

VALUE
ruby_within (VALUE self, const struct glue_call *call, const char *name, int argc, const VALUE *argv,
             VALUE (*body) (VALUE arg))
{
  struct object *o = object_of (self);
  struct call c = { .argc = argc, .argv = argv, .kept = Qfalse };
  VALUE result;

  if (o->handle == NULL || glue_begin (&c.frame, o->handle, call) == -1)
    rb_raise (rb_eArgError, "%s: used handle after closing it", name);
  result = rb_ensure (body, (VALUE) &c, end_call, (VALUE) &c);
  RB_GC_GUARD (self);
  return result;
}

static VALUE
call_body (VALUE arg)
{
  struct call *c = (struct call *) arg;
  struct glue_frame *f = &c->frame;
  const struct glue_call *call = f->call;
  int i, n = (int) call->nr_args;

  rb_check_arity (c->argc, n, n + (call->nr_opts > 0));
  if (call->flags & GLUE_DEPRECATED)
    rb_category_warn (RB_WARN_CATEGORY_DEPRECATED, call->instead ? "Guestfs::Guestfs#%s is deprecated; use #%s instead"
                      : "Guestfs::Guestfs#%s is deprecated", call->name, call->instead);
  for (i = 0; i < n; i++)
    ruby_take (c, &call->params[i], c->argv[i], &f->values[i]);
  if (c->argc > n && !NIL_P (c->argv[n])) {
    if (!RB_TYPE_P (c->argv[n], T_HASH))
      rb_raise (rb_eTypeError, "%s: optional arguments must be a Hash, not %s", call->name, rb_obj_classname (c->argv[n]));
    ruby_take_options (c, c->argv[n]);
  }
  if (glue_run (f) == -1)
    ruby_raise (f);
  return ruby_result (f);
}

static VALUE
call (int argc, VALUE *argv, VALUE self)
{
  /* The name that it was defined by, whatever aliases a program has. */
  const char *name = rb_id2name (rb_frame_this_func ());
  const struct glue_call *called = glue_find (name);

  if (called == NULL)
    rb_raise (rb_eNoMethodError, "Guestfs::Guestfs has no call %s", name);
  return ruby_within (self, called, called->name, argc, argv, call_body);
}

static VALUE
last_errno_body (VALUE arg)
{
  return INT2NUM (glue_errno (&((struct call *) arg)->frame));
}

static VALUE
last_errno (VALUE self)
{
  return ruby_within (self, NULL, "last_errno", 0, NULL, last_errno_body);
}

static void
at_end (VALUE unused)
{
  (void) unused;
  ending = 1;
  glue_close_all ();
}

VALUE
ruby_define_handle (VALUE module)
{
  size_t i;

  error_class = rb_define_class_under (module, "Error", rb_eStandardError);
  rb_define_attr (error_class, "errno", 1, 0);
  handle_class = rb_define_class_under (module, "Guestfs", rb_cObject);
  rb_define_alloc_func (handle_class, allocate);
  rb_define_method (handle_class, "initialize_copy", initialize_copy, 1);
  rb_define_method (handle_class, "initialize", initialize, -1);
  rb_define_module_function (module, "create", create, -1);
  rb_define_method (handle_class, "close", close_handle, 0);
  rb_define_method (handle_class, "last_errno", last_errno, 0);
  for (i = 0; i < glue_nr_calls; i++) {
    rb_define_method (handle_class, glue_calls[i].name, call, -1);
    if (glue_calls[i].alias)
      rb_define_alias (handle_class, glue_calls[i].alias, glue_calls[i].name);
  }
  /* While callbacks can still run. */
  rb_set_end_proc (at_end, Qnil);
  return handle_class;
}
