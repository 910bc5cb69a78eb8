/* values.c: values of Ruby to C, and results to Ruby.
 *
 * In: arguments of a method. Out: C values that live as long as the call, and what it returned. Strings are copied or
 * frozen, because other threads may change theirs while the call runs.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "ruby_guestfs.h"

#include <limits.h>
#include <string.h>

static VALUE
item_value (struct glue_item item)
{
  switch (item.type) {
  case GLUE_ABSENT: return Qnil;
  /* Not true and false: upstream's are numbers, and programs compare them. */
  case GLUE_TRUTH: case GLUE_CHAR: return INT2FIX (item.n);
  case GLUE_NUMBER: return LL2NUM (item.n);
  case GLUE_UNSIGNED: return ULL2NUM (item.u);
  case GLUE_FLOAT: return rb_float_new (item.number);
  case GLUE_TEXT: case GLUE_BYTES: return rb_str_new (item.bytes, (long) item.size);
  }
  return Qnil;
}

static VALUE
record_value (const struct glue_struct *s, const void *record)
{
  VALUE hash = rb_hash_new ();
  size_t i;

  for (i = 0; i < s->nr_fields; i++) {
    VALUE value = item_value (glue_field (&s->fields[i], record));

    /* A percentage that is not there is still a Float. */
    if (s->fields[i].type == GLUE_FIELD_PERCENT && NIL_P (value))
      value = rb_float_new (-1);
    rb_hash_aset (hash, rb_interned_str_cstr (s->fields[i].name), value);
  }
  return hash;
}

VALUE
ruby_result (const struct glue_frame *f)
{
  enum glue_form form = glue_form (f->call);
  struct glue_item key, value;
  size_t i, n;
  VALUE all;

  switch (form) {
  case GLUE_NOTHING: return Qnil;
  case GLUE_ONE: return item_value (glue_one (f));
  case GLUE_RECORD: return record_value (f->call->structure, glue_record (f, 0));
  default: break;
  }
  n = glue_count (f);
  all = form == GLUE_PAIRS ? rb_hash_new () : rb_ary_new_capa ((long) n);
  for (i = 0; i < n; i++)
    if (form == GLUE_PAIRS) {
      glue_pair (f, i, &key, &value);
      rb_hash_aset (all, item_value (key), item_value (value));
    }
    else
      rb_ary_push (all, form == GLUE_LIST ? item_value (glue_at (f, i))
                                          : record_value (f->call->structure, glue_record (f, i)));
  return all;
}

__attribute__ ((__noreturn__)) static void
wrong (const struct call *c, const struct glue_param *p, const char *wanted, VALUE value)
{
  rb_raise (rb_eTypeError, "%s: %s must %s, not %s", c->frame.call->name, p->name, wanted,
            NIL_P (value) ? "nil" : rb_obj_classname (value));
}

static VALUE
string (const struct call *c, const struct glue_param *p, VALUE value)
{
  static const char *const wanted[2][2] = {
    { "be a String", "be a String or a Pathname" }, { "hold Strings", "hold Strings or Pathnames" }
  };
  VALUE s = rb_check_string_type (value);

  if (NIL_P (s) && p->path)
    s = rb_check_convert_type (value, T_STRING, "String", "to_path");
  if (NIL_P (s))
    wrong (c, p, wanted[p->shape == GLUE_STR_LIST][p->path], value);
  return s;
}

static void *
room (void *memory)
{
  if (memory == NULL)
    rb_memerror ();
  return memory;
}

static const char *
text (struct call *c, const struct glue_param *p, VALUE value)
{
  VALUE s = string (c, p, value);
  size_t size = (size_t) RSTRING_LEN (s);
  const char *copy;

  if (memchr (RSTRING_PTR (s), '\0', size))
    rb_raise (rb_eArgError, "%s: %s: string contains null byte", c->frame.call->name, p->name);
  copy = room (glue_copy (&c->frame, RSTRING_PTR (s), size));
  RB_GC_GUARD (s);
  return copy;
}

static char *const *
list (struct call *c, const struct glue_param *p, VALUE value)
{
  VALUE array = rb_check_array_type (value);
  const char **strings;
  long n, i;

  if (NIL_P (array))
    wrong (c, p, "be an Array of Strings", value);
  n = RARRAY_LEN (array);
  strings = room (glue_room (&c->frame, ((size_t) n + 1) * sizeof *strings));
  /* An element's own conversion may shorten the array: what is gone is nil. */
  for (i = 0; i < n; i++)
    strings[i] = text (c, p, rb_ary_entry (array, i));
  strings[n] = NULL;
  return (char *const *) strings;
}

static int64_t
integer (const struct call *c, const struct glue_param *p, VALUE value)
{
  VALUE n = rb_check_to_integer (value, "to_int");

  if (NIL_P (n))
    wrong (c, p, "be an Integer", value);
  return NUM2LL (n);
}

static int
small_integer (const struct call *c, const struct glue_param *p, VALUE value)
{
  int64_t n = integer (c, p, value);

  if (n < INT_MIN || n > INT_MAX)
    rb_raise (rb_eRangeError, "%s: %s: %lld does not fit 32 bits", c->frame.call->name, p->name, (long long) n);
  return (int) n;
}

/* Constant NAME of MODULE, or nil. */
static VALUE
constant (VALUE module, const char *name)
{
  ID id = rb_intern (name);

  return NIL_P (module) || !rb_const_defined (module, id) ? Qnil : rb_const_get (module, id);
}

/* The one kind of pointer: a domain of ruby-libvirt. */
static void *
domain (const struct call *c, const struct glue_param *p, VALUE value)
{
  VALUE class = constant (constant (rb_cObject, "Libvirt"), "Domain");
  void *pointer;

  if (NIL_P (class) || !RTEST (rb_obj_is_kind_of (value, class)) || !RB_TYPE_P (value, T_DATA))
    wrong (c, p, "be a Libvirt::Domain", value);
  pointer = RTYPEDDATA_P (value) ? RTYPEDDATA_DATA (value) : DATA_PTR (value);
  if (pointer == NULL)
    rb_raise (rb_eArgError, "%s: %s: the domain has been freed", c->frame.call->name, p->name);
  return pointer;
}

void
ruby_take (struct call *c, const struct glue_param *p, VALUE value, union glue_value *v)
{
  switch (p->shape) {
  case GLUE_BOOL: v->i = RTEST (value); break;
  case GLUE_INT: v->i = small_integer (c, p, value); break;
  case GLUE_INT64: v->n = integer (c, p, value); break;
  case GLUE_STR: v->s = text (c, p, value); break;
  case GLUE_OPT_STR: v->s = NIL_P (value) ? NULL : text (c, p, value); break;
  case GLUE_STR_LIST: v->list = list (c, p, value); break;
  case GLUE_BUFFER:
    /* May be large: no copy. No call has two. */
    c->kept = rb_str_new_frozen (string (c, p, value));
    v->buffer.bytes = RSTRING_PTR (c->kept);
    v->buffer.size = (size_t) RSTRING_LEN (c->kept);
    break;
  case GLUE_POINTER: v->pointer = domain (c, p, value); break;
  }
}

static int
take_option (VALUE key, VALUE value, VALUE arg)
{
  struct call *c = (struct call *) arg;
  const struct glue_call *call = c->frame.call;
  int option = -1;

  if (RB_TYPE_P (key, T_SYMBOL)) {
    VALUE name = rb_sym2str (key);

    option = glue_option (call, RSTRING_PTR (name), (size_t) RSTRING_LEN (name));
  }
  if (option == -1)
    rb_raise (rb_eArgError, "%s: unknown optional argument %" PRIsVALUE, call->name, rb_inspect (key));
  if (!NIL_P (value)) {
    union glue_value taken;

    ruby_take (c, &call->params[call->nr_args + (unsigned) option], value, &taken);
    *glue_give (&c->frame, (unsigned) option) = taken;
  }
  return ST_CONTINUE;
}

void
ruby_take_options (struct call *c, VALUE options)
{
  rb_hash_foreach (options, take_option, (VALUE) c);
}
