/* event.c: event callbacks in Perl, and what glue wants to know of the language.
 *
 * A callback belongs to the interpreter that set it, and is only called in its thread. Whatever it does, Perl must not
 * jump over the library that called it: it runs in an eval, on a stack of its own (so that `last` finds no loop outside),
 * and below a JMPENV, where exit ends for now.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "perl_guestfs.h"

#include <errno.h>
#include <stdlib.h>

#define MY_CXT_KEY "Sys::Guestfs::_context"
typedef struct pg_context my_cxt_t;
START_MY_CXT

static unsigned long last_id;

static void
new_context (struct pg_context *context)
{
  context->id = __atomic_add_fetch (&last_id, 1, __ATOMIC_RELAXED);
  context->exiting = 0;
}

void
pg_boot_context (pTHX)
{
  MY_CXT_INIT;
  new_context (&MY_CXT);
}

struct pg_context *
pg_context (pTHX)
{
  dMY_CXT;
  return &MY_CXT;
}

/* A thread has begun, with copies of all objects. Perl calls this for every class that inherits it. */
XS (xs_clone)
{
  dXSARGS;

  if (items == 1 && strEQ (SvPV_nolen (ST (0)), "Sys::Guestfs")) {
    MY_CXT_CLONE;
    new_context (&MY_CXT);
  }
  XSRETURN_EMPTY;
}

/* The interpreter whose thread is inside the library, also where PERL_GET_CONTEXT is the same for all threads. */
static __thread PerlInterpreter *inside;

struct function {
  unsigned long owner;
  SV *callback;
};

static void
call (pTHX_ struct function *function, const struct glue_event *e)
{
  AV *array = newAV ();
  size_t i;
  dSP;

  ENTER;
  SAVETMPS;
  save_scalar (PL_errgv);
  for (i = 0; i < e->array_len; i++)
    av_push (array, newSVuv (e->array[i]));
  PUSHMARK (SP);
  EXTEND (SP, 5);
  mPUSHs (newSVsv (function->callback));
  mPUSHu (e->event);
  mPUSHi (e->id);
  mPUSHs (newSVpvn (e->text ? e->text : "", e->text ? e->size : 0));
  mPUSHs (newRV_noinc ((SV *) array));
  PUTBACK;
  call_pv ("Sys::Guestfs::_event", G_EVAL | G_VOID | G_DISCARD);
  FREETMPS;
  LEAVE;
}

static void
event (void *arg, const struct glue_event *e)
{
  struct function *function = arg;
  PerlInterpreter *interpreter = inside;
  int saved = errno;

  /* A thread that Perl knows nothing of. */
  if (interpreter == NULL)
    return;
  {
    dTHXa (interpreter);
    dJMPENV;
    volatile int how;

    if (pg_context (aTHX)->id != function->owner)
      return;
    JMPENV_PUSH (how);
    if (how == 0) {
      dSP;

      PUSHSTACKi (PERLSI_MAGIC);
      call (aTHX_ function, e);
      SPAGAIN;
      POPSTACK;
    }
    else
      /* exit: Perl has unwound everything; what it will do at last waits for the library. */
      pg_context (aTHX)->exiting = 1;
    JMPENV_POP;
    if (how && e->handle->g)    /* not while it is closed */
      guestfs_user_cancel (e->handle->g);
  }
  errno = saved;
}

static void
forget (void *arg)
{
  struct function *function = arg;
  PerlInterpreter *interpreter = PERL_GET_CONTEXT;

  /* In another thread: the callback is its interpreter's, and goes with it. */
  if (interpreter) {
    dTHXa (interpreter);

    if (pg_context (aTHX)->id == function->owner)
      SvREFCNT_dec (function->callback);
  }
  free (function);
}

/* Perl has no lock: its threads share nothing. */
static void
unlocked (struct glue_frame *f, void (*fn) (void *arg), void *arg)
{
  PerlInterpreter *outer = inside;

  inside = PERL_GET_CONTEXT;
  if (f) {
    ((struct pg_frame *) f)->running = 1;
    glue_watch (f, 1);
  }
  fn (arg);
  if (f) {
    glue_unwatch (f);
    ((struct pg_frame *) f)->running = 0;
  }
  inside = outer;
}

const struct glue_language glue_language = { unlocked, event, forget };

XS (xs_set_event_callback)
{
  dXSARGS;
  struct function *function;
  struct pg_frame *p;
  uint64_t events;
  int id;

  if (items != 3)
    croak_xs_usage (cv, "g, cb, event_bitmask");
  p = pg_begin (aTHX_ ST (0), "set_event_callback", NULL);
  SvGETMAGIC (ST (1));
  if (!SvROK (ST (1)))
    croak ("Sys::Guestfs::set_event_callback(): cb is not a code reference");
  events = SvUV (ST (2));
  function = malloc (sizeof *function);
  if (function == NULL)
    croak ("Sys::Guestfs: not enough memory");
  function->owner = pg_context (aTHX)->id;
  function->callback = newSVsv (ST (1));
  id = glue_set_event_callback (&p->f, events, function);
  pg_back (aTHX_ p);
  if (id == -1)
    pg_fail (aTHX_ p);
  pg_end (aTHX);
  XSRETURN_IV (id);
}

XS (xs_delete_event_callback)
{
  dXSARGS;
  struct pg_frame *p;

  if (items != 2)
    croak_xs_usage (cv, "g, event_handle");
  p = pg_begin (aTHX_ ST (0), "delete_event_callback", NULL);
  glue_delete_event_callback (&p->f, (int) SvIV (ST (1)));
  pg_back (aTHX_ p);
  pg_end (aTHX);
  XSRETURN_EMPTY;
}

XS (xs_event_to_string)
{
  dXSARGS;
  char *names;
  SV *sv;

  /* A function; called as a method of the class by some. */
  if (items != 1 && items != 2)
    croak_xs_usage (cv, "event_bitmask");
  names = guestfs_event_to_string (SvUV (ST (items - 1)));
  if (names == NULL)
    croak ("Sys::Guestfs::event_to_string: %s", strerror (errno));
  sv = newSVpv (names, 0);
  free (names);
  ST (0) = sv_2mortal (sv);
  XSRETURN (1);
}
