/* What must be true in a test program: otherwise it says what is not, and where, and ends at once. */

#include <stdio.h>
#include <unistd.h>

#define CHECK(EXPR)                                                     \
  do {                                                                  \
    if (!(EXPR)) {                                                      \
      fprintf (stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #EXPR); \
      _exit (1);                                                        \
    }                                                                   \
  } while (0)
