"""The architectures of the page, and what becomes of each: one process a model, for memory grows."""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

CUTS = 3  # that are tried of each model

# Where a model takes pictures of any size, small ones are enough.
TIMM = {
    **dict.fromkeys(
        """
        resnet18 resnet50 resnext50_32x4d resnet26d seresnet50 resnetv2_50 densenet121 vgg11_bn efficientnet_b0
        tf_efficientnet_lite0 tf_efficientnetv2_b0 mobilenetv2_100 mobilenetv3_large_100 mobilenetv4_conv_small
        mnasnet_100
        regnety_002 regnetx_002 rexnet_100 ghostnet_100 hardcorenas_a lcnet_050 fbnetc_100 spnasnet_100 dla34
        hrnet_w18_small res2net50_26w_4s resnest14d cspresnet50 darknet53 dpn48b repvgg_a0 mobileone_s0 convnext_atto
        convnextv2_atto nf_resnet50 poolformer_s12 hgnetv2_b0 starnet_s1 inception_next_tiny selecsls42b xception41
        """.split(),  # noqa: SIM905
        96,
    ),
    "inception_v3": 299,
    "inception_v4": 299,
    **dict.fromkeys(
        """
        vit_tiny_patch16_224 deit_tiny_distilled_patch16_224 swin_tiny_patch4_window7_224 mixer_s32_224 gmlp_s16_224
        resmlp_12_224 levit_128s cait_xxs24_224 pit_ti_224 visformer_tiny convit_tiny tiny_vit_5m_224 pvt_v2_b0
        coat_lite_tiny xcit_nano_12_p16_224 volo_d1_224 edgenext_xx_small efficientformer_l1 focalnet_tiny_srf
        """.split(),  # noqa: SIM905
        224,
    ),
    **dict.fromkeys(("mobilevit_xxs", "swinv2_tiny_window8_256", "fastvit_t8"), 256),
    "crossvit_tiny_240": 240,
}
TORCHVISION = {
    **dict.fromkeys(
        """
        resnet18 mobilenet_v2 mobilenet_v3_small shufflenet_v2_x0_5 squeezenet1_1 mnasnet0_5 efficientnet_b0
        regnet_y_400mf
        convnext_tiny densenet121 googlenet vgg11 efficientnet_v2_s
        """.split(),  # noqa: SIM905
        96,
    ),
    **dict.fromkeys(("alexnet", "vit_b_16", "swin_t", "swin_v2_t", "maxvit_t"), 224),
    "inception_v3": 299,
}
_SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 99,
}
TEXT: dict[str, dict[str, Any]] = {
    **{
        f"{kind}Model": _SMALL
        for kind in ("Bert", "Roberta", "XLMRoberta", "Camembert", "MPNet", "LayoutLM", "Nystromformer")
    },
    "ElectraModel": {**_SMALL, "embedding_size": 32},
    "AlbertModel": {**_SMALL, "embedding_size": 16},
    "DebertaModel": {**_SMALL, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "DebertaV2Model": {**_SMALL, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "ConvBertModel": {**_SMALL, "embedding_size": 32},
    "ModernBertModel": {
        **_SMALL,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "cls_token_id": 1,
        "sep_token_id": 2,
    },
    "DistilBertModel": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "vocab_size": 99},
    "MobileBertModel": {**_SMALL, "embedding_size": 16, "intra_bottleneck_size": 16, "true_hidden_size": 16},
    "SqueezeBertModel": {**_SMALL, "embedding_size": 32},
    "T5EncoderModel": {"d_model": 32, "num_layers": 2, "num_heads": 2, "d_kv": 16, "d_ff": 64, "vocab_size": 99},
    "GPT2Model": {"n_embd": 32, "n_layer": 2, "n_head": 2, "vocab_size": 99, "use_cache": False},
    "CLIPTextModel": {**_SMALL, "projection_dim": 16, "eos_token_id": 2},
    "OPTModel": {**_SMALL, "ffn_dim": 64, "word_embed_proj_dim": 32, "use_cache": False},
}
_STAGES = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "image_size": 64}
_LAYERS = {**_SMALL, "image_size": 64, "patch_size": 16}
_WINDOWS = {"image_size": 64, "patch_size": 4, "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4], "window_size": 8}
PICTURES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("ViT", "DeiT", "Beit", "Dinov2"), _LAYERS),
    **dict.fromkeys(("Swin", "Swinv2"), _WINDOWS),
    **dict.fromkeys(("ConvNext", "ConvNextV2", "PoolFormer"), _STAGES),
    "ResNet": {**_STAGES, "embedding_size": 8},
    "RegNet": {**_STAGES, "embedding_size": 8, "groups_width": 8},
    "MobileNetV2": {"image_size": 64},
}


def addresses() -> list[str]:
    """All architectures, as addresses."""
    pictures = [*(f"timm:{name}" for name in TIMM), *(f"torchvision:{name}" for name in TORCHVISION)]
    theirs = [*(f"{name}ForImageClassification" for name in PICTURES), *TEXT]
    return [*pictures, *(f"transformers:{name}" for name in theirs)]


def made(address: str) -> tuple[nn.Module, Any, Callable[[int], Any]]:
    """A model with random weights, a sample for tracing, and other inputs of a batch."""
    package, _, name = address.partition(":")
    torch.manual_seed(0)
    if package == "transformers":
        return _pictures(name) if name.endswith("ForImageClassification") else _text(name)
    if package == "timm":
        import timm

        module, size = timm.create_model(name), TIMM[name]
    else:
        import torchvision

        options = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
        module, size = torchvision.models.get_model(name, weights=None, **options), TORCHVISION[name]
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.1)  # pyright: ignore[reportOptionalMemberAccess, reportCallIssue]
                part.running_var.uniform_(0.5, 1.5)  # pyright: ignore[reportOptionalMemberAccess, reportCallIssue]

    def pictures(batch: int) -> Any:
        return (torch.randn(batch, 3, size, size),)

    return module.eval(), pictures(2), pictures


def _pictures(name: str) -> tuple[nn.Module, Any, Callable[[int], Any]]:
    import transformers

    kind: Any = getattr(transformers, name)
    config = PICTURES[name.removesuffix("ForImageClassification")]

    def pictures(batch: int) -> Any:
        return {"pixel_values": torch.randn(batch, 3, config["image_size"], config["image_size"])}

    return kind(kind.config_class(**config)).eval(), pictures(2), pictures


def _text(name: str) -> tuple[nn.Module, Any, Callable[[int], Any]]:
    import transformers

    from regraft.formats.pytorch.sources import text_model

    kind: Any = getattr(transformers, name)
    module = kind(kind.config_class(**TEXT[name])).eval()

    def texts(batch: int) -> Any:
        tokens = torch.randint(3, 90, (batch, 11))
        mask = torch.ones_like(tokens)
        mask[1, 6:] = 0
        return {"input_ids": tokens, "attention_mask": mask}

    return module, text_model(module), texts


def tried(address: str) -> dict[str, Any]:
    """What becomes of one architecture."""
    from regraft.errors import RegraftError
    from regraft.formats.pytorch import read_module, read_native
    from regraft.formats.pytorch.sources import Native

    module, sample, inputs = made(address)
    start = time.monotonic()
    try:
        network = read_native(sample, format="hf") if isinstance(sample, Native) else read_module(module, sample)
    except RegraftError as error:
        return {"address": address, "refused": f"{error.what}: {error.got}"[:300]}
    opened = time.monotonic() - start
    fed = inputs(3)
    expected = _outputs(module, fed)
    named = (
        {k: v.numpy() for k, v in fed.items()}
        if isinstance(fed, dict)
        else dict(zip(network.inputs, (v.numpy() for v in fed), strict=True))
    )
    got = network.run(named, list(network.outputs))
    cuts = [cut.tensor for cut in network.cuts()]
    chosen = [cuts[round(k)] for k in np.linspace(0, len(cuts) - 1, min(CUTS, len(cuts)))]
    return {
        "address": address,
        "equal": _equal(expected, got),
        "difference": max(float(np.abs(a - b).max()) for a, b in zip(expected, got, strict=False)),
        "cuts": len(cuts),
        "all": len(network.cuts(all=True)),
        "tried": {tensor: _cut(network, tensor, named, got) for tensor in dict.fromkeys(chosen)},
        "nodes": len(network.graph.nodes),
        "seconds": opened,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _cut(network: Any, tensor: str, named: dict[str, Any], expected: list[np.ndarray]) -> str:
    from regraft.errors import RegraftError

    try:
        trunk, rest = network.split([tensor])
    except RegraftError as error:
        return f"{error.what}: {error.got}"
    below = trunk.run({name: named[name] for name in trunk.inputs}, tensor)
    beside = {name: named[name] for name in rest.inputs if name in named}
    got = rest.run({tensor: below, **beside}, list(network.outputs))
    return "equal" if _equal(expected, got) else "differs"


def _outputs(module: nn.Module, fed: Any) -> list[np.ndarray]:
    with torch.no_grad():
        result = module(**fed) if isinstance(fed, dict) else module(*fed)
    flat = torch.utils._pytree.tree_leaves(result)
    return [value.numpy() for value in flat if isinstance(value, torch.Tensor)]


def _equal(expected: list[np.ndarray], got: list[np.ndarray]) -> bool:
    """Bit by bit; a text encoder's sentence, which the module does not give, is compared between the halves only."""
    return len(got) >= len(expected) and all(map(np.array_equal, expected, got))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for address in sys.argv[1:]:
        try:
            print(json.dumps(tried(address)), flush=True)
        except Exception as error:
            print(json.dumps({"address": address, "failed": f"{type(error).__name__}: {error}"[:300]}), flush=True)
