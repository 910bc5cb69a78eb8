/* handle.c: handles as userdata, the frame of every call, errors as tables.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "lua_guestfs.h"

#include <errno.h>
#include <string.h>

__thread lua_State *lua_running;

/* Errors of the library: { msg =, code = }. */
int
lua_raise (lua_State *L, struct glue_frame *f)
{
  lua_createtable (L, 0, 2);
  lua_pushstring (L, glue_error (f));
  lua_setfield (L, -2, "msg");
  lua_pushinteger (L, glue_errno (f));
  lua_setfield (L, -2, "code");
  luaL_getmetatable (L, ERROR);
  lua_setmetatable (L, -2);
  return lua_error (L);
}

static int
error_to_string (lua_State *L)
{
  int code;

  lua_getfield (L, 1, "code");
  code = (int) lua_tointeger (L, -1);
  lua_getfield (L, 1, "msg");
  lua_pushfstring (L, code ? "%s: %s" : "%s", lua_tostring (L, -1), strerror (code));
  return 1;
}

static struct glue_handle **
handle_at (lua_State *L, int at)
{
  return luaL_checkudata (L, at, HANDLE);
}

static struct glue_handle *
open_handle (lua_State *L, const char *call)
{
  struct glue_handle *h = *handle_at (L, 1);

  if (h == NULL || !glue_is_open (h))
    luaL_error (L, "Guestfs.%s: handle is closed", call);
  return h;
}

/* What runs below the protected call of `protected`: the frame is the light userdata behind the arguments. */
struct glue_frame *
lua_frame (lua_State *L)
{
  struct glue_frame *f = lua_touserdata (L, -1);

  lua_pop (L, 1);
  return f;
}

/* Call BODY with the arguments and a frame, which is ended also when BODY raises an error. */
int
lua_protected (lua_State *L, const struct glue_call *call, const char *name, lua_CFunction body)
{
  struct glue_handle *h = open_handle (L, name);
  lua_State *outer = lua_running;
  struct glue_frame f;
  int failed;

  lua_pushcfunction (L, body);
  lua_insert (L, 1);
  lua_pushlightuserdata (L, &f);
  if (glue_begin (&f, h, call) == -1)
    return luaL_error (L, "Guestfs.%s: handle is closed", name);
  lua_running = L;
  failed = lua_pcall (L, lua_gettop (L) - 1, LUA_MULTRET, 0);
  glue_end (&f);
  lua_running = outer;
  return failed ? lua_error (L) : lua_gettop (L);
}

static int
call_body (lua_State *L)
{
  struct glue_frame *f = lua_frame (L);
  unsigned i, n = f->call->nr_args;
  int given = lua_gettop (L) - 1;

  if (given < (int) n || given > (int) n + (f->call->nr_opts > 0))
    return luaL_error (L, "Guestfs.%s: %d arguments%s are wanted, not %d", f->call->name, (int) n,
                       f->call->nr_opts ? " and perhaps a table of options" : "", given);
  for (i = 0; i < n; i++)
    lua_take (L, f, &f->call->params[i], (int) i + 2, &f->values[i]);
  if (given > (int) n && !lua_isnil (L, n + 2)) {
    if (!lua_istable (L, n + 2))
      return luaL_error (L, "Guestfs.%s: options must be a table, not %s", f->call->name, luaL_typename (L, n + 2));
    lua_take_options (L, f, (int) n + 2);
  }
  return glue_run (f) == -1 ? lua_raise (L, f) : lua_push_result (L, f);
}

static int
call (lua_State *L)
{
  const struct glue_call *call = lua_touserdata (L, lua_upvalueindex (1));
  return lua_protected (L, call, call->name, call_body);
}

static int
boolean_option (lua_State *L, const char *name)
{
  int value = 1;

  if (lua_istable (L, 1)) {
    lua_getfield (L, 1, name);
    value = lua_isnil (L, -1) || lua_toboolean (L, -1);
    lua_pop (L, 1);
  }
  return value;
}

int
lua_create (lua_State *L)
{
  unsigned flags = 0;
  struct glue_handle **h;

  if (!lua_isnoneornil (L, 1)) {
    luaL_checktype (L, 1, LUA_TTABLE);
    lua_pushnil (L);
    while (lua_next (L, 1)) {
      const char *name = lua_type (L, -2) == LUA_TSTRING ? lua_tostring (L, -2) : "";

      if (strcmp (name, "environment") && strcmp (name, "close_on_exit"))
        return luaL_error (L, "Guestfs.create: unknown optional argument '%s'", name);
      lua_pop (L, 1);
    }
  }
  if (!boolean_option (L, "environment"))
    flags |= GUESTFS_CREATE_NO_ENVIRONMENT;
  if (!boolean_option (L, "close_on_exit"))
    flags |= GUESTFS_CREATE_NO_CLOSE_ON_EXIT;
  h = lua_newuserdata (L, sizeof *h);
  *h = NULL;
  luaL_getmetatable (L, HANDLE);
  lua_setmetatable (L, -2);
  *h = glue_create (flags);
  if (*h == NULL)
    return luaL_error (L, "Guestfs.create: cannot create handle: %s", strerror (errno));
  (*h)->owner = h;
  /* Callbacks are given the object; the table does not keep it. */
  luaL_getmetatable (L, HANDLE);
  lua_getfield (L, -1, "handles");
  lua_pushvalue (L, -3);
  set_by_pointer (L, -2, h);
  lua_pop (L, 2);
  return 1;
}

/* Close, so that callbacks run in this state. */
static void
finish (lua_State *L, void (*end) (struct glue_handle *h), struct glue_handle *h)
{
  lua_State *outer = lua_running;

  lua_running = L;
  end (h);
  lua_running = outer;
}

int
lua_close_handle (lua_State *L)
{
  finish (L, glue_close, open_handle (L, "close"));
  return 0;
}

/* The collector, and the end of the program: Lua closes its state then. */
static int
collect (lua_State *L)
{
  struct glue_handle **h = handle_at (L, 1);

  if (*h)
    finish (L, glue_free, *h);
  *h = NULL;
  return 0;
}

static int
handle_to_string (lua_State *L)
{
  struct glue_handle **h = handle_at (L, 1);

  lua_pushfstring (L, *h && glue_is_open (*h) ? "Guestfs handle (%p)" : "Guestfs handle (closed)", (void *) h);
  return 1;
}

/* A table that does not keep its values. */
static void
weak (lua_State *L)
{
  lua_newtable (L);
  lua_newtable (L);
  lua_pushliteral (L, "v");
  lua_setfield (L, -2, "__mode");
  lua_setmetatable (L, -2);
}

void
lua_metatables (lua_State *L)
{
  size_t i;

  luaL_newmetatable (L, ERROR);
  set_function (L, "__tostring", error_to_string);
  lua_pop (L, 1);

  luaL_newmetatable (L, HANDLE);
  set_function (L, "__gc", collect);
  set_function (L, "__tostring", handle_to_string);
#if LUA_VERSION_NUM >= 504
  set_function (L, "__close", collect);
#endif
  weak (L);
  lua_setfield (L, -2, "handles");
  lua_createtable (L, 0, (int) glue_nr_calls);
  for (i = 0; i < glue_nr_calls; i++) {
    lua_pushlightuserdata (L, (void *) &glue_calls[i]);
    lua_pushcclosure (L, call, 1);
    lua_setfield (L, -2, glue_calls[i].name);
  }
  set_function (L, "close", lua_close_handle);
  set_function (L, "set_event_callback", lua_set_event_callback);
  set_function (L, "delete_event_callback", lua_delete_event_callback);
  lua_setfield (L, -2, "__index");
  lua_pop (L, 1);
}
