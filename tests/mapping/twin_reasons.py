"""Why a goroutine waits: what its stack adds to the runtime's word, by docs/mapping.md."""
import re

LOCKS = {'Mutex': 'mutex', 'RWMutex': 'rwmutex', 'rlocker': 'rwmutex', 'WaitGroup': 'waitgroup',
         'Once': 'once'}
HTTP = re.compile(r'net/http\.\(\*(persistConn|Transport|Client|http2\w+)\)|'
                  r'golang\.org/x/net/http2\.\(\*(Transport|ClientConn|clientConnReadLoop|clientStream)\)')
POLL = re.compile(r'internal/poll\.\(\*FD\)\.(?:Raw|P)?(Read|read|Write|write|Accept)')


def refine(word, stack):
    """What the stack (functions, leaf first) adds to the runtime's word, or None."""
    if word == 'sync':
        found = None
        for f in stack:
            m = re.match(r'(?:internal/)?sync\.(?:\(\*(\w+)\))?', f)
            if not m:
                break
            found = LOCKS.get(m[1], found)
        return found
    http = any(HTTP.match(f) for f in stack)
    if word == 'select':
        return 'http client' if http else None
    if word != 'network':
        return None
    polls = [POLL.match(f)[1].lower() for f in stack if POLL.match(f)]
    if 'accept' in polls:
        return 'accept'
    if any(re.match(r'net\.(\(\*netFD\)\.(connect|dial)|\(\*(sysDialer|Dialer)\))', f) for f in stack):
        return 'dial'
    if any(re.match(r'crypto/tls\.\(\*Conn\)\.[hH]andshake', f) for f in stack):
        return 'tls'
    if http:
        return 'http client'
    if any(f.startswith('crypto/tls.(*Conn)') for f in stack):
        return 'tls'
    return polls[0] if polls else None


def wait_name(word, on):
    word = 'sync' if word == 'sync.(*Cond).Wait' else word
    return f'{word} {on}' if on else word
