train/recipes: train/recipes.cpp train/recipes.h models/model.h \
 models/prompt.h models/vit.h models/parameter.h engine/tape.h \
 engine/tensor.h engine/dtype.h engine/error.h ops/lstm_cell.h \
 engine/kernel.h models/weights/name_map.h models/weights/weight_file.h \
 engine/file.h train/optimizer.h train/options.h engine/cuda.h
train/recipes.h:
models/model.h:
models/prompt.h:
models/vit.h:
models/parameter.h:
engine/tape.h:
engine/tensor.h:
engine/dtype.h:
engine/error.h:
ops/lstm_cell.h:
engine/kernel.h:
models/weights/name_map.h:
models/weights/weight_file.h:
engine/file.h:
train/optimizer.h:
train/options.h:
engine/cuda.h:
