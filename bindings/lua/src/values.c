/* values.c: values of Lua to C, and results to Lua.
 *
 * In: arguments on the stack. Out: C values that live as long as the call, and what it returned on the stack.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "lua_guestfs.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
push (lua_State *L, struct glue_item item)
{
  char digits[24];

  switch (item.type) {
  case GLUE_ABSENT: lua_pushnil (L); break;
  case GLUE_TRUTH: lua_pushboolean (L, (int) item.n); break;
  case GLUE_FLOAT: lua_pushnumber (L, item.number); break;
  case GLUE_CHAR: case GLUE_TEXT: case GLUE_BYTES: lua_pushlstring (L, item.bytes, item.size); break;
  /* Decimal, as Lua before 5.3 has no integers of 64 bits. */
  case GLUE_NUMBER:
    if (item.wide) {
      snprintf (digits, sizeof digits, "%" PRIi64, item.n);
      lua_pushstring (L, digits);
    }
    else
      lua_pushinteger (L, (lua_Integer) item.n);
    break;
  case GLUE_UNSIGNED:
    if (item.wide) {
      snprintf (digits, sizeof digits, "%" PRIu64, item.u);
      lua_pushstring (L, digits);
    }
    else
      lua_pushnumber (L, (lua_Number) item.u);
    break;
  }
}

static void
push_record (lua_State *L, const struct glue_struct *s, const void *record)
{
  size_t i;

  lua_createtable (L, 0, (int) s->nr_fields);
  for (i = 0; i < s->nr_fields; i++) {
    push (L, glue_field (&s->fields[i], record));
    lua_setfield (L, -2, s->fields[i].name);
  }
}

int
lua_push_result (lua_State *L, const struct glue_frame *f)
{
  size_t i, n;

  switch (glue_form (f->call)) {
  case GLUE_NOTHING:
    return 0;
  case GLUE_ONE:
    push (L, glue_one (f));
    return 1;
  case GLUE_RECORD:
    push_record (L, f->call->structure, glue_record (f, 0));
    return 1;
  case GLUE_LIST: case GLUE_PAIRS: case GLUE_RECORDS:
    break;
  }
  lua_newtable (L);
  for (i = 0, n = glue_count (f); i < n; i++)
    if (f->call->kind == GLUE_RESULT_HASH) {
      struct glue_item key, value;

      glue_pair (f, i, &key, &value);
      push (L, key);
      push (L, value);
      lua_rawset (L, -3);
    }
    else {
      if (f->call->kind == GLUE_RESULT_STR_LIST)
        push (L, glue_at (f, i));
      else
        push_record (L, f->call->structure, glue_record (f, i));
      lua_rawseti (L, -2, (int) i + 1);
    }
  return 1;
}

/* Arguments stay on the stack for the time of the call, so that strings need no copy. */

static int
wrong (lua_State *L, const struct glue_frame *f, const char *param, const char *wanted, int at)
{
  return luaL_error (L, "Guestfs.%s: %s must be %s, not %s", f->call->name, param, wanted, luaL_typename (L, at));
}

static int64_t
integer (lua_State *L, const struct glue_frame *f, const char *param, int at, int64_t low, int64_t high)
{
  const char *s;
  char *end;
  int64_t n;

#if LUA_VERSION_NUM >= 503
  if (lua_isinteger (L, at))
    n = lua_tointeger (L, at);
  else
#endif
  if (lua_type (L, at) == LUA_TNUMBER) {
    lua_Number number = lua_tonumber (L, at);

    /* 2^63 itself is a number of Lua, and does not fit; NaN is not in the range either. */
    if (!(number >= -9223372036854775808.0 && number < 9223372036854775808.0) || number != (lua_Number) (int64_t) number)
      return luaL_error (L, "Guestfs.%s: %s must be an integer of 64 bits", f->call->name, param);
    n = (int64_t) number;
  }
  else if (lua_type (L, at) == LUA_TSTRING) {
    s = lua_tostring (L, at);
    errno = 0;
    n = strtoll (s, &end, 10);
    if (errno || end == s || *end || (size_t) (end - s) != length (L, at))
      return luaL_error (L, "Guestfs.%s: %s must be an integer of 64 bits, not \"%s\"", f->call->name, param, s);
  }
  else
    return wrong (L, f, param, "an integer", at);
  if (n < low || n > high)
    return luaL_error (L, "Guestfs.%s: %s does not fit 32 bits", f->call->name, param);
  return n;
}

static const char *
string (lua_State *L, const struct glue_frame *f, const char *param, int at, size_t *size)
{
  const char *s;

  if (lua_type (L, at) != LUA_TSTRING && lua_type (L, at) != LUA_TNUMBER)
    wrong (L, f, param, "a string", at);
  s = lua_tolstring (L, at, size);
  return s;
}

static const char *
text (lua_State *L, const struct glue_frame *f, const char *param, int at)
{
  size_t size;
  const char *s = string (L, f, param, at, &size);

  if (strlen (s) != size)
    luaL_error (L, "Guestfs.%s: %s has a NUL inside", f->call->name, param);
  return s;
}

static void *
room (lua_State *L, void *memory)
{
  if (memory == NULL)
    luaL_error (L, "not enough memory");
  return memory;
}

/* Copied: a callback may change the table while the call runs. */
static char *const *
list (lua_State *L, struct glue_frame *f, const char *param, int at)
{
  size_t n, i;
  char **strings;

  if (lua_type (L, at) != LUA_TTABLE)
    wrong (L, f, param, "a list of strings", at);
  n = length (L, at);
  if (n >= INT_MAX / sizeof *strings)
    luaL_error (L, "Guestfs.%s: %s is too long", f->call->name, param);
  strings = room (L, glue_room (f, (n + 1) * sizeof *strings));
  for (i = 0; i < n; i++) {
    const char *s;

    lua_rawgeti (L, at, (int) i + 1);
    s = text (L, f, param, -1);
    strings[i] = room (L, glue_copy (f, s, strlen (s)));
    lua_pop (L, 1);
  }
  strings[n] = NULL;
  return strings;
}

void
lua_take (lua_State *L, struct glue_frame *f, const struct glue_param *p, int at, union glue_value *v)
{
  switch (p->shape) {
  case GLUE_BOOL: v->i = lua_toboolean (L, at); break;
  case GLUE_INT: v->i = (int) integer (L, f, p->name, at, INT_MIN, INT_MAX); break;
  case GLUE_INT64: v->n = integer (L, f, p->name, at, INT64_MIN, INT64_MAX); break;
  case GLUE_STR: v->s = text (L, f, p->name, at); break;
  case GLUE_OPT_STR: v->s = lua_isnoneornil (L, at) ? NULL : text (L, f, p->name, at); break;
  case GLUE_STR_LIST: v->list = list (L, f, p->name, at); break;
  case GLUE_BUFFER: v->buffer.bytes = string (L, f, p->name, at, &v->buffer.size); break;
  case GLUE_POINTER:
    if (!lua_islightuserdata (L, at))
      wrong (L, f, p->name, "a light userdata", at);
    v->pointer = lua_touserdata (L, at);
    break;
  }
}

/* The options in the table at AT. */
void
lua_take_options (lua_State *L, struct glue_frame *f, int at)
{
  lua_pushnil (L);
  while (lua_next (L, at)) {
    size_t size;
    const char *name = lua_type (L, -2) == LUA_TSTRING ? lua_tolstring (L, -2, &size) : NULL;
    int option = name ? glue_option (f->call, name, size) : -1;

    if (option == -1)
      luaL_error (L, "Guestfs.%s: unknown optional argument '%s'", f->call->name, name ? name : luaL_typename (L, -2));
    lua_take (L, f, &f->call->params[f->call->nr_args + option], lua_gettop (L), glue_give (f, (unsigned) option));
    /* A string keeps its place in the table of options, which is the caller's: keep it here as well. */
    lua_pushvalue (L, -2);
    lua_remove (L, -3);
    luaL_checkstack (L, 4, "too many options");
  }
}
