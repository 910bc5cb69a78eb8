/* event.c: event callbacks in Lua, and what glue wants to know of the language.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "lua_guestfs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A callback: a function by its number in the registry. */
struct function {
  int ref;
};

static int
event_body (lua_State *L)
{
  struct function *function = lua_touserdata (L, 1);
  const struct glue_event *e = lua_touserdata (L, 2);
  char digits[24];
  size_t i;

  luaL_checkstack (L, 12, "in a callback");
  lua_rawgeti (L, LUA_REGISTRYINDEX, function->ref);
  luaL_getmetatable (L, HANDLE);
  lua_getfield (L, -1, "handles");
  get_by_pointer (L, -1, e->handle->owner);
  lua_replace (L, -3);
  lua_pop (L, 1);
  lua_pushnil (L);
  for (i = 0; i < glue_nr_events; i++)
    if (glue_events[i].bit == e->event) {
      lua_pop (L, 1);
      lua_pushstring (L, glue_events[i].name);
      break;
    }
  lua_pushinteger (L, e->id);
  lua_pushinteger (L, e->flags);
  lua_pushlstring (L, e->text ? e->text : "", e->text ? e->size : 0);
  lua_newtable (L);
  for (i = 0; i < e->array_len; i++) {
    snprintf (digits, sizeof digits, "%" PRIu64, e->array[i]);
    lua_pushstring (L, digits);
    lua_rawseti (L, -2, (int) i + 1);
  }
  lua_call (L, 6, 0);
  return 0;
}

static void
event (void *function, const struct glue_event *e)
{
  lua_State *L = lua_running;

  /* A thread that Lua knows nothing of. */
  if (L == NULL || !lua_checkstack (L, 4))
    return;
  lua_pushcfunction (L, event_body);
  lua_pushlightuserdata (L, function);
  lua_pushlightuserdata (L, (void *) e);
  if (lua_pcall (L, 2, 0, 0)) {
    const char *why = lua_tostring (L, -1);

    fprintf (stderr, "guestfs: error in a callback: %s\n", why ? why : "(no message)");
    lua_pop (L, 1);
  }
}

static void
forget (void *arg)
{
  struct function *function = arg;

  if (lua_running)
    luaL_unref (lua_running, LUA_REGISTRYINDEX, function->ref);
  free (function);
}

static void
unlocked (struct glue_frame *f, void (*fn) (void *arg), void *arg)
{
  if (f)
    glue_watch (f, 1);
  fn (arg);
  if (f)
    glue_unwatch (f);
}

const struct glue_language glue_language = { unlocked, event, forget };

static uint64_t
event_at (lua_State *L, int at)
{
  const char *name = lua_type (L, at) == LUA_TSTRING ? lua_tostring (L, at) : NULL;
  uint64_t bit = name ? glue_event_bit (name) : 0;

  if (bit == 0)
    luaL_error (L, "Guestfs: unknown event %s", name ? name : luaL_typename (L, at));
  return bit;
}

/* The events at AT: a name or a list of names. */
static uint64_t
events_at (lua_State *L, int at)
{
  uint64_t events = 0;
  size_t i;

  if (!lua_istable (L, at))
    return event_at (L, at);
  for (i = 0; i < length (L, at); i++) {
    lua_rawgeti (L, at, (int) i + 1);
    events |= event_at (L, -1);
    lua_pop (L, 1);
  }
  return events;
}

static int
set_body (lua_State *L)
{
  struct glue_frame *f = lua_frame (L);
  struct function *function;
  uint64_t events;
  int id;

  luaL_checktype (L, 2, LUA_TFUNCTION);
  events = events_at (L, 3);
  function = malloc (sizeof *function);
  if (function == NULL)
    return luaL_error (L, "not enough memory");
  function->ref = LUA_NOREF;
  lua_pushvalue (L, 2);
  function->ref = luaL_ref (L, LUA_REGISTRYINDEX);
  id = glue_set_event_callback (f, events, function);
  if (id == -1)
    return lua_raise (L, f);
  lua_pushinteger (L, id);
  return 1;
}

int
lua_set_event_callback (lua_State *L)
{
  return lua_protected (L, NULL, "set_event_callback", set_body);
}

static int
delete_body (lua_State *L)
{
  glue_delete_event_callback (lua_frame (L), (int) luaL_checkinteger (L, 2));
  return 0;
}

int
lua_delete_event_callback (lua_State *L)
{
  return lua_protected (L, NULL, "delete_event_callback", delete_body);
}

int
lua_event_to_string (lua_State *L)
{
  char *names = guestfs_event_to_string (events_at (L, 1));

  if (names == NULL)
    return luaL_error (L, "not enough memory");
  lua_pushstring (L, names);
  free (names);
  return 1;
}
