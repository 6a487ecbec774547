// SPDX-License-Identifier: Apache-2.0
// Shapes and attributes without which random nodes of some operators are hardly ever legal. Rows of
// one name stand together.
#include "facet_node.h"

#include <string.h>

static const struct facet_hint hints[] = {
    {"Adagrad", ".;.:0..3;h w;h w;h w", ""},
    {"Adam", ".;.:0..3;h w;h w;h w;h w", ""},
    {"AffineGrid", "n 2 3;4=n,1,h,w", ""},
    {"AffineGrid", "n 3 4;5=n,1,h,w,d", "align_corners=1"},
    {"Attention", "b h s e;b h t e;b h t v;s t", ""},
    {"Attention", "b s 2e;b t 2e;b t 2v", "q_num_heads=2 kv_num_heads=2"},
    {"Attention", "b s 4e;b t 2e;b t 2e;_;b 2 p e;b 2 p e",
     "q_num_heads=4 kv_num_heads=2 is_causal=1"},
    {"Attention", "b s i;i 6e;6e;b s:0..1", "num_heads=2"},
    {"Attention", "b s i;i 6e;6e;_;2 b 2 p e", "num_heads=2 unidirectional=1"},
    {"AveragePool", "n c h w", "kernel_shape=2,2"},
    {"AveragePool", "n c l", "kernel_shape=3 pads=1,1 count_include_pad=1"},
    {"AveragePool", "n c d h w", "kernel_shape=1,2,2 strides=1,2,1"},
    {"BatchNormalization", "n c h w;c;c;c;c", ""},
    {"Cast", "?", "to=FLOAT"},
    {"CausalConvWithState", "b c l;c 1 k;c;_", ""},
    {"CausalConvWithState", "b c l;c 1 3;_;b c 2", "activation=silu"},
    {"Col2Im", "n 4c 9;2=4,4;2=2,2", ""},
    {"Col2Im", "n 3c 5;1=7;1=3", ""},
    {"Conv", "n c h w;m c 2 2;m", ""},
    {"Conv", "n 2g h w;2g 1 i j;_", "group=2g"},
    {"Conv", "n c l;m c 3;m", "kernel_shape=3 strides=2 pads=1,1"},
    {"Conv", "n c d h w;m c 1 2 2", "dilations=1,1,2"},
    {"ConvInteger", "n c h w;m c 2 2;.;.", ""},
    {"ConvInteger", "n c h w;m c 1 1;_;m", "kernel_shape=1,1"},
    {"ConvTranspose", "n c h w;c m 2 2;m", ""},
    {"ConvTranspose", "n 2c l;2c m 3;2m", "group=2 strides=2 output_padding=1"},
    {"ConvTranspose", "n c h w;c m 3 3", "output_shape=5,6 kernel_shape=3,3"},
    {"DeformConv", "n c 4 4;m c 2 2;n 8 3 3;m;_", ""},
    {"DeformConv", "n c 4 4;m c 2 2;n 8 3 3;_;n 4 3 3", "kernel_shape=2,2"},
    {"DeformConv", "n 2c 4 4;2m c 2 2;n 8 3 3;2m", "group=2"},
    {"DeformConv", "n 2c 4 4;m 2c 2 2;n 16 3 3", "offset_group=2"},
    {"DequantizeLinear", "h w;w;w", "axis=1"},
    {"DynamicQuantizeLSTM", "s b i;1 i 4h;1 h 4h;1 8h;_;_;_;_;1;1;1;1", "hidden_size=h"},
    {"DynamicQuantizeLSTM", "s b i;1 i 4h;1 h 4h;_;_;_;_;_;1;1;1;1",
     "hidden_size=h activations=Relu,Tanh,Softsign"},
    {"DynamicQuantizeLSTM", "s b i;2 i 4h;2 h 4h;_;_;_;_;_;2;2;2;2",
     "hidden_size=h direction=bidirectional"},
    {"DynamicQuantizeLSTM", "s b i;2 i 4h;2 h 4h;2 8h;_;2 b h;2 b h;_;2 4h;2 4h;2 4h;2 4h",
     "hidden_size=h direction=bidirectional"},
    {"EmbedLayerNormalization", "b s:<v;_;v h;s h;_;h;h;b s:0..1", ""},
    {"EmbedLayerNormalization", "b s:<v;b s:<t;v h;p h;t h;h;h;_;b s:<p", ""},
    {"Einsum", "i j;j k", "equation=ij,jk->ik"},
    {"Einsum", "b i j;b k j", "equation=bij,bkj->bik"},
    {"Einsum", "i i;i j", "equation=...ii,ij"},
    {"FusedConv", "n c h w;m c 2 2;m", ""},
    {"FusedGemm", "m k;k n;n", ""},
    {"GRU", "s b i;1 3h i;1 3h h;1 6h;b:0..s;1 b h", "hidden_size=h"},
    {"GRU", "s b i;2 3h i;2 3h h;_;_;2 b h",
     "hidden_size=h direction=bidirectional linear_before_reset=1"},
    {"GRU", "s b i;1 3h i;1 3h h", "hidden_size=h direction=reverse"},
    {"GRU", "s b i;1 3h i;1 3h h", "hidden_size=h activations=Relu,Tanh"},
    {"GRU", "b s i;1 3h i;1 3h h;1 6h;_;b 1 h", "hidden_size=h layout=1"},
    {"GatherBlockQuantized", "v 8;i j:<v;v 1;v 1", "block_size=16"},
    {"GatherBlockQuantized", "v 4;i:<v;v 1;v 1", "block_size=16 bits=2"},
    {"GatherBlockQuantized", "v 2 20;i:<v;v 2 2", "block_size=16 quantize_axis=2 bits=8"},
    {"GatherBlockQuantized", "v 3 17;i:<v;v 3 2;v 3 2", "block_size=16 quantize_axis=2 bits=8"},
    {"Gemm", "m k;k n;n", ""},
    {"Gemm", "k m;n k;m 1", "transA=1 transB=1 alpha=0.5 beta=2"},
    {"GlobalMaxPool", "n c h w", ""},
    {"GridSample", "n c h w;n i j 2", ""},
    {"GridSample", "n c d h w;n i j k 3", ""},
    {"GroupNormalization", "n 2g h;g;g", "num_groups=g"},
    {"GroupNormalization", "n 2g h w;2g;2g", "num_groups=g"},
    {"GroupQueryAttention", "b s 4e;b s 2e;b s 2e;_;_;b:<s;.=s",
     "num_heads=4 kv_num_heads=2 qk_output=1"},
    {"GroupQueryAttention", "b s 8e;_;_;b 2 p e;b 2 p e;b:<s;.=s",
     "num_heads=4 kv_num_heads=2 qk_output=2"},
    {"GroupQueryAttention", "b s 16;b s 8;b s 8;_;_;b:<s;.=s;9 2;9 2",
     "num_heads=4 kv_num_heads=2 qk_output=1 do_rotary=1"},
    {"GroupQueryAttention", "b s 4e;b s 2e;b s 2e;b 2 3 e;b 2 3 e;b:<s;.=s",
     "num_heads=4 kv_num_heads=2 qk_output=2 local_window_size=3 sliding_window_cache=1"},
    {"GroupQueryAttention", "b s 4e;b s 2e;b s 2e;b 2 p e;b 2 p e;b:<s;.=s;_;_;_;_;_;1;1",
     "num_heads=4 kv_num_heads=2 qk_output=1 kv_cache_bit_width=8 k_quant_type=PER_TENSOR "
     "v_quant_type=PER_TENSOR"},
    {"ImageDecoder", "13=80,53,10,50,32,49,10,50,53,53,10,7,9", ""}, // P5, 2 x 1 pixels
    {"Imputer", "n w", "imputed_value_floats=1.5 imputed_value_int64s=2"},
    {"InstanceNormalization", "n c h w;c;c", ""},
    {"LSTM", "s b i;1 4h i;1 4h h;1 8h;b:0..s;1 b h;1 b h;1 3h", "hidden_size=h"},
    {"LSTM", "s b i;2 4h i;2 4h h;_;_;2 b h;2 b h", "hidden_size=h direction=bidirectional"},
    {"LSTM", "s b i;1 4h i;1 4h h", "hidden_size=h direction=reverse clip=1.5"},
    {"LSTM", "s b i;1 4h i;1 4h h", "hidden_size=h activations=Relu,Tanh,Affine"},
    {"LSTM", "b s i;1 4h i;1 4h h;1 8h;_;b 1 h;b 1 h", "hidden_size=h layout=1 input_forget=1"},
    {"LabelEncoder", "?", "keys_int64s=1,2 values_strings=a,b classes_strings=a,b"},
    {"LabelEncoder", "?", "keys_strings=a,B values_int64s=5,6"},
    {"LabelEncoder", "?", "keys_int64s=0,1 values_floats=0.5,6"},
    {"LabelEncoder", "?", "keys_floats=0.5,1 values_floats=0.5,6"},
    {"LabelEncoder", "?", "keys_tensor=int64:1,2 values_tensor=float:1.5,2"},
    {"LayerNormalization", "n h w;w;w", ""},
    {"LinearAttention", "b t 4k;b t 2k;b t 2v;b 2 k v;b t 2;b t 1", "q_num_heads=4 kv_num_heads=2"},
    {"LinearAttention", "b t 2k;b t 2k;b t 2v;_;_;_",
     "q_num_heads=2 kv_num_heads=2 update_rule=linear"},
    {"LinearClassifier", "n 2",
     "coefficients=1,-2,0.5,1,-1,1 intercepts=0,1,0.5 classlabels_ints=7,-1,3"},
    {"LinearClassifier", "n 3",
     "coefficients=1,-2,0.5 classlabels_strings=a,b post_transform=LOGISTIC"},
    {"LinearRegressor", "n 2", "coefficients=1,-2,0.5,1 targets=2 post_transform=SOFTMAX"},
    {"LpPool", "n c h w", "kernel_shape=2,2"},
    {"LpPool", "n c l", "kernel_shape=3 strides=2 p=1"},
    {"MatMulIntegerToFloat", "m k;k n;.;.;.;.;n", ""},
    {"MatMulNBits", "m 16;n 1 8;n", "K=16 N=n bits=4 block_size=16"},
    {"MatMulNBits", "m 16;n 1 16;n", "K=16 N=n bits=8 block_size=16"},
    {"MatMulNBits", "b m 20;n 2 8;2n;n", "K=20 N=n bits=4 block_size=16"},
    {"MaxPool", "n c h w", "kernel_shape=2,2"},
    {"MaxPool", "n c l", "kernel_shape=3 strides=2 pads=1,1"},
    {"MaxPool", "n c d h w", "kernel_shape=1,2,2"},
    {"MaxRoiPool", "n c h w;r 5=0,0,0,2,2", "pooled_shape=2,2"},
    {"MaxUnpool", "1 c 2 2;1 c 2 2:0..3", "kernel_shape=2,2 strides=2,2"},
    {"MaxUnpool", "n 1 l;n 1 l:<l;3=n,1,9", "kernel_shape=2"},
    {"MelWeightMatrix", ".=4;.=16;.=8192;.=0;.=4096", ""},
    {"Momentum", ".;.:0..3;h w;h w;h w", ""},
    {"MultiHeadAttention", "b s 2e;b t 2e;b t 2v", "num_heads=2"},
    {"MultiHeadAttention", "b s 2e;b 2 t e;b 2 t e;_;b t:0..1", "num_heads=2"},
    {"MultiHeadAttention", "b s 2e;b t 2e;b t 2e;6e;_;_;b 2 p e;b 2 p e", "num_heads=2"},
    {"MultiHeadAttention", "b s 2 3 e", "num_heads=2 unidirectional=1"},
    {"NegativeLogLikelihoodLoss", "n c h;n h:<c;c", ""},
    {"NegativeLogLikelihoodLoss", "n c;n:<c", "reduction=sum"},
    {"NonMaxSuppression", "b k 4;b c k;.=2;.;.", ""},
    {"Normalizer", "n w", ""},
    {"OneHot", "i j;.=3;2", ""},
    {"Pad", "h w;4:0..2;.", "pads=1,0,1,2 paddings=1,0,1,2"},
    {"Pad", "h w;2:0..2;.;1=-1", "mode=edge"},
    {"QGemm", "m k;.;.;k n;.;.;n;.;.", ""},
    {"QGemm", "m k;.;.;k n;n;n", ""},
    {"QLinearAdd", "h w;.;.;w;.;.;.;.", ""},
    {"QLinearAveragePool", "n c h w;.;.;.;.", "kernel_shape=2,2"},
    {"QLinearAveragePool", "n h w c;.;.;.;.", "kernel_shape=2,2 channels_last=1"},
    {"QLinearConcat", ".;.;h w;.;.;k w;.;.", "axis=0"},
    {"QAttention", "b s i;i 6e;6e;.;.", "num_heads=2"},
    {"QAttention", "b s i;i 6e;6e;1;6e;b s:0..1;.;6e", "num_heads=2"},
    {"QAttention", "b s i;i 6e;6e;1;.;_;.;1;2 b 2 p e", "num_heads=2 unidirectional=1"},
    {"QEmbedLayerNormalization", "b s:<v;_;v e;9 e;_;e;e;b s:0..1;.;.;_;.;.;.;.;_;.;.", ""},
    {"QEmbedLayerNormalization", "b s:<v;b s:<v;v e;9 e;v e;e;e;_;1;1;1;1;1;1;1;1;1;1", ""},
    {"QLinearConv", "n c h w;.;.;m c 2 2;.;.;.;.;m", ""},
    {"QLinearConv", "n c h w;.;.;m c 1 1;m;m;.;.", ""},
    {"QLinearGlobalAveragePool", "n c h w;.;.;.;.", ""},
    {"QLinearMatMul", "m k;.;.;k n;.;.;.;.", ""},
    {"QLinearMatMul", "b m k;.;.;k n;n;n;.;.", ""},
    {"QLinearMul", "h w;.;.;w;.;.;.;.", ""},
    {"QLinearWhere", "h w;w;.;.;h 1;.;.;.;.", ""},
    {"QuantizeLinear", "h w;w;w", "axis=1"},
    {"RNN", "s b i;1 h i;1 h h;1 2h;b:0..s;1 b h", "hidden_size=h"},
    {"RNN", "s b i;2 h i;2 h h;_;_;2 b h", "hidden_size=h direction=bidirectional"},
    {"RNN", "s b i;1 h i;1 h h", "hidden_size=h direction=reverse"},
    {"RNN", "s b i;1 h i;1 h h", "hidden_size=h activations=LeakyRelu activation_alpha=0.5"},
    {"RNN", "b s i;1 h i;1 h h;1 2h;_;b 1 h", "hidden_size=h layout=1"},
    {"Resize", "n c h w;_;4=1,1,2,0.5", ""},
    {"Resize", "n c h w;8=0,0,0,0,1,1,1,1;_;4=n,c,3,5", "mode=linear"},
    {"Resize", "n c h w;_;_;2=3,5", "mode=cubic axes=2,3"},
    {"Resize", "h w;2=2,0.5", ""},
    {"ReverseSequence", "s b h;b:1..s", ""},
    {"RoiAlign", "n c h w;r 4=0,0,2,2;r:<n", ""},
    {"RotaryEmbedding", "b n s 2e;4 e;4 e;b s:0..3", ""},
    {"RotaryEmbedding", "b s 4e;b s e;b s e", "num_heads=2"},
    {"RotaryEmbedding", "b s 8;b s:0..3;4 2;4 2", "num_heads=2"},
    {"RotaryEmbedding", "b 2 s 4;1=1;9 2;9 2", ""},
    {"STFT", "b 8 1;.=2;4;.=4", ""},
    {"STFT", "b 8 1;.=3;_;.=5", "onesided=0"},
    {"Scaler", "n 2", "offset=1,2 scale=0.5,3"},
    {"ScatterElements", "h w;h w:0..0;h w", ""},
    {"ScatterND", "4 h;k 1:<4;k h", ""},
    {"SoftmaxCrossEntropyLoss", "n c h;n h:<c;c", ""},
    {"SoftmaxCrossEntropyLoss", "n c;n:<c", "reduction=none"},
    {"SwiGLU", "n h w;n h w", ""},
    {"TfIdfVectorizer", "n s",
     "mode=TF min_gram_length=1 max_gram_length=2 max_skip_count=0 ngram_counts=0,2 "
     "ngram_indexes=0,1,2 pool_int64s=1,2,0,1"},
    {"TfIdfVectorizer", "s",
     "mode=TFIDF min_gram_length=1 max_gram_length=1 max_skip_count=1 ngram_counts=0 "
     "ngram_indexes=0,1 pool_strings=a,1.5 weights=2,0.5"},
    {"TreeEnsemble", "n 2",
     "tree_roots=0 nodes_featureids=1 nodes_truenodeids=0 nodes_falsenodeids=1 nodes_trueleafs=1 "
     "nodes_falseleafs=1 leaf_targetids=0,1 n_targets=2 nodes_modes=uint8:0 nodes_splits=0.5 "
     "leaf_weights=1,2"},
    {"TreeEnsembleClassifier", "n 2",
     "nodes_treeids=0,0,0 nodes_nodeids=0,1,2 nodes_featureids=1,0,0 nodes_values=0.5,0,0 "
     "nodes_modes=BRANCH_LEQ,LEAF,LEAF nodes_truenodeids=1,0,0 nodes_falsenodeids=2,0,0 "
     "class_treeids=0,0,0 class_nodeids=1,1,2 class_ids=0,2,1 class_weights=0.5,0.25,1 "
     "classlabels_int64s=7,8,9"},
    {"TreeEnsembleRegressor", "n 2",
     "nodes_treeids=0,0,0 nodes_nodeids=0,1,2 nodes_featureids=1,0,0 nodes_values=0.5,0,0 "
     "nodes_modes=BRANCH_GT,LEAF,LEAF nodes_truenodeids=1,0,0 nodes_falsenodeids=2,0,0 "
     "target_treeids=0,0,0 target_nodeids=1,1,2 target_ids=0,1,1 target_weights=0.5,0.25,1 "
     "n_targets=2 base_values=1,2"},
    {"Upsample", "n c h w;4=1,1,2,3", "scales=1,1,2,3"},
};

const struct facet_hint *facet_hints(const char *name, size_t *count)
{
    const struct facet_hint *first = NULL;
    *count = 0;
    for (size_t i = 0; i < MOPT_COUNTOF(hints); i++) {
        if (strcmp(hints[i].name, name) == 0) {
            first = first != NULL ? first : &hints[i];
            (*count)++;
        }
    }
    return first;
}

const char *facet_words(const char *attribute)
{
    static const char *const words[][2] = {
        {"activation", "none|silu|swish|Relu|Tanh|LeakyRelu"},
        {"auto_pad", "NOTSET|SAME_UPPER|SAME_LOWER|VALID"},
        {"coordinate_transformation_mode",
         "half_pixel|half_pixel_symmetric|pytorch_half_pixel|align_corners|asymmetric|"
         "tf_crop_and_resize|output_half_pixel"},
        {"keep_aspect_ratio_policy", "stretch|not_larger|not_smaller"},
        {"mode", "nearest|linear|cubic|bilinear|bicubic|avg|max|constant|reflect|edge|wrap"},
        {"nearest_mode", "round_prefer_floor|round_prefer_ceil|floor|ceil"},
        {"pixel_format", "RGB|BGR|Grayscale"},
        {"padding_mode", "zeros|border|reflection"},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(words); i++) {
        if (strcmp(words[i][0], attribute) == 0) {
            return words[i][1];
        }
    }
    return NULL;
}
