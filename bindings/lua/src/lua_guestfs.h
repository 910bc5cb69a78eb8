/* lua_guestfs.h: what the parts of module guestfs for Lua 5.1 to 5.4 and LuaJIT share.
 *
 * All calls are one function, which finds in its upvalue what it is to call. What can raise an error runs below a
 * protected call, so that the frame of the call is ended whatever happens.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef LUA_GUESTFS_H
#define LUA_GUESTFS_H

#include "glue.h"

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM >= 502
#define length(L, AT) lua_rawlen (L, AT)
#else
#define length(L, AT) lua_objlen (L, AT)
#endif

/* T[P] = the value on top, and T[P], for a pointer P; T is at AT. */
#if LUA_VERSION_NUM >= 502
#define set_by_pointer(L, AT, P) lua_rawsetp (L, AT, P)
#define get_by_pointer(L, AT, P) lua_rawgetp (L, AT, P)
#else
#define set_by_pointer(L, AT, P) (lua_pushlightuserdata (L, P), lua_insert (L, -2), lua_rawset (L, (AT) - 1))
#define get_by_pointer(L, AT, P) (lua_pushlightuserdata (L, P), lua_rawget (L, (AT) - 1))
#endif

/* Names of metatables. That of handles has a field `handles`: by the pointer to it, each that is not collected. */
#define HANDLE "Guestfs handle"
#define ERROR "Guestfs error"

/* The state of the innermost call, in which callbacks run: Lua has one thread, and the coroutine that set a callback may
 * be gone. */
extern __thread lua_State *lua_running;

/* values.c: values by the shapes of a call to C, and the result on the stack; errors are Lua's. */
extern void lua_take (lua_State *L, struct glue_frame *f, const struct glue_param *p, int at, union glue_value *v);
extern void lua_take_options (lua_State *L, struct glue_frame *f, int at);
extern int lua_push_result (lua_State *L, const struct glue_frame *f);

/* handle.c */

/* Call BODY with the arguments and, behind them, a frame, which is ended also when BODY raises an error. */
extern int lua_protected (lua_State *L, const struct glue_call *call, const char *name, lua_CFunction body);
/* That frame, taken from the stack. */
extern struct glue_frame *lua_frame (lua_State *L);
/* Raise the error of the library: { msg =, code = }. */
extern int lua_raise (lua_State *L, struct glue_frame *f);
extern int lua_create (lua_State *L);
extern int lua_close_handle (lua_State *L);
/* Make the metatables. */
extern void lua_metatables (lua_State *L);

/* event.c */
extern int lua_set_event_callback (lua_State *L);
extern int lua_delete_event_callback (lua_State *L);
extern int lua_event_to_string (lua_State *L);

/* The field NAME of the table on top. */
static inline void
set_function (lua_State *L, const char *name, lua_CFunction function)
{
  lua_pushcfunction (L, function);
  lua_setfield (L, -2, name);
}

#endif /* LUA_GUESTFS_H */
