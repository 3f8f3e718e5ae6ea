"""What the PyTorch peers share: precision, threads, compilation, and a training step that may be one CUDA graph."""
import contextlib

import measure
import torch


def start(parser):
    """Reads the command line and sets PyTorch up; the measurement begins here."""
    parser.add_argument("--channels-last", action="store_true", help="activations as NHWC, which some convolutions prefer")
    options = parser.parse_args()
    if "graph" in options.mode and options.device != "cuda":
        parser.error("--mode %s needs --device cuda: a graph is CUDA's" % options.mode)
    run = measure.Run(options, {"torch": torch.__version__})
    torch.manual_seed(0)
    torch.set_num_threads(measure.THREADS)
    tf32 = options.precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True
    return options, run


def network_precision(options):
    """Around what may be computed in bfloat16."""
    if options.precision == "bf16":
        return torch.autocast(options.device, torch.bfloat16)
    return contextlib.nullcontext()


def place(options, network, parts):
    """Moves a network to its device. Of a compiled one each of parts is compiled: equal ones share their code, so that it
    is ready in seconds where the whole network would take minutes."""
    network = network.to(options.device)
    if options.channels_last:
        network = network.to(memory_format=torch.channels_last)
    if "compile" in options.mode:
        torch._dynamo.config.recompile_limit = torch._dynamo.config.accumulated_recompile_limit = 1024
        for part in parts:
            part.compile(dynamic=False)
    return network


def count(network):
    return sum(p.numel() for p in network.parameters())


def wait(options):
    return torch.cuda.synchronize if options.device == "cuda" else lambda: None


def peak(options):
    if options.device == "cuda":
        return lambda: torch.cuda.max_memory_allocated() / 2**20
    return None


def train(options, run, network, optimiser, loss):
    """Measures training steps: loss(), which draws its own noise, its gradients, and an update."""
    graphed = "graph" in options.mode

    def step():
        value = loss()
        value.backward()
        optimiser.step()
        # A graph writes its gradients to the same place each time.
        optimiser.zero_grad(set_to_none=not graphed)
        return value.detach()

    advance, value = captured(step) if graphed else (step, None)
    last = [value]

    def timed():
        value = advance()
        if value is not None:
            last[0] = value

    run.measure(timed, wait(options), options.batch, lambda: last[0], peak=peak(options), parameters=count(network))


def evaluate(options, run, network, call, images, **more):
    """Measures calls without gradients; call() gives a tensor."""
    last = []

    @torch.no_grad()
    def timed():
        last[:] = [call()]

    run.measure(timed, wait(options), images, lambda: last[0].float().mean(), peak=peak(options), parameters=count(network), **more)


def captured(step):
    """The step as one CUDA graph, after the three runs on a stream of their own that capturing wants; and what it returns,
    which every replay overwrites."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        value = step()
    return graph.replay, value
